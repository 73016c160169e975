//! `quantum serve` and `quantum doctor` as processes of their own, where the settings or the machine are wrong.

use crate::{
    process,
    server::watched::{NAMES, names},
    story::Desk,
    world::{FakeGitHub, Level, Settings, signature},
};
use quantumlayer::ids::Secret;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, ChildStderr, Command, Stdio},
};

pub(super) fn hub() -> FakeGitHub {
    FakeGitHub::start_with(Settings { judge: Some(crate::judge::judge), ..Settings::default() })
}

/// The program with the App's settings, and this key.
pub(super) fn with_app(desk: &Desk, hub: &FakeGitHub, key: &Secret, args: &[&str]) -> Command {
    let file = desk.path().join("app.pem");
    fs::write(&file, key.expose()).unwrap();
    let mut command = desk.quantum(args);
    command
        .env("QUANTUM_GITHUB_API_URL", hub.url())
        .env("QUANTUM_GITHUB_URL", hub.url())
        .env("QUANTUM_GITHUB_APP_ID", hub.app_id().to_string())
        .env("QUANTUM_GITHUB_PRIVATE_KEY_FILE", file)
        .env("QUANTUM_GITHUB_WEBHOOK_SECRET", hub.webhook_secret().expose())
        .env("QUANTUM_LISTEN", "127.0.0.1:0");
    command
}

/// `quantum serve`, killed when it is dropped.
pub(super) struct Served {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
    /// What it said before that.
    before: String,
}

impl Served {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut served = Self { child, stderr, address: String::new(), before: String::new() };
        (served.before, served.address) = served.read("listening on ");
        served
    }

    /// Reads on until a line says this; what follows on that line.
    fn says(&mut self, words: &str) -> String {
        self.read(words).1
    }

    /// The lines before the one that says this, and what follows on it.
    fn read(&mut self, words: &str) -> (String, String) {
        let (mut all, mut line) = (String::new(), String::new());
        while self.stderr.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.split_once(words) {
                return (all, rest.trim().to_owned());
            }
            all += &std::mem::take(&mut line);
        }
        panic!("it never said {words:?}:\n{all}");
    }

    /// Ends it; what it had said that nobody read.
    fn rest(&mut self) -> String {
        self.child.kill().unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn ready(address: &str) -> (u16, Value) {
    let answer = client().get(format!("{address}/ready")).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_key_it_serves_and_keeps_and_with_the_right_one_it_goes_on() {
    let (desk, hub) = (Desk::empty(), hub());
    let place = hub.usual();
    let number = hub.open_issue(place.repo, place.ada, "Make it good", "please");
    let old = hub.key();
    let fresh = hub.rotate_key();
    let mut served = Served::start(with_app(&desk, &hub, &old, &["serve"]));
    assert!(served.before.contains("no model: runs wait until QUANTUM_MODEL names one"), "{}", served.before);
    let why = served.says("note: GitHub does not tell who we are: ");
    assert!(why.contains("does not take the App's key"), "{why}");
    assert!(served.says("hint: ").contains("QUANTUM_GITHUB_APP_ID"));
    hub.send_hooks_to(&format!("{}/webhooks/github", served.address));
    hub.take(usize::MAX);
    hub.comment(place.repo, number, place.ada, "/quantum help");
    assert_eq!(hub.deliver_all().await, [202]);
    // whoever does not know the secret is turned away
    let body = json!({"action": "created"}).to_string();
    for _ in 0..2 {
        let forged = client()
            .post(format!("{}/webhooks/github", served.address))
            .header("content-type", "application/json")
            .header("x-github-delivery", "forged")
            .header("x-github-event", "issue_comment")
            .header("x-hub-signature-256", signature("another secret", body.as_bytes()))
            .body(body.clone());
        assert_eq!(forged.send().await.unwrap().status().as_u16(), 401);
    }
    let remedy = served.says("a delivery's signature is wrong: ");
    assert!(remedy.contains("QUANTUM_GITHUB_WEBHOOK_SECRET"), "{remedy}");
    // `/ready` keeps its answer a while: asked only after GitHub said no
    process::wait_until("GitHub is asked", || hub.log_text().contains("GET /app 401"));
    let (status, said) = ready(&served.address).await;
    let github = &said["checks"]["github"];
    assert_eq!((status, &github["ok"]), (503, &json!(false)), "{said}");
    let hint = github["hint"].as_str().unwrap();
    assert!(hint.contains("does not take the App's key") && hint.contains("QUANTUM_GITHUB_APP_ID"), "{hint}");
    let asked = client().get(format!("{}/metrics", served.address)).send().await.unwrap();
    let counted = asked.text().await.unwrap();
    assert_eq!(names(&counted), NAMES);
    // that GitHub refuses us is counted while it does
    assert!(counted.contains("quantum_github_requests_total{status=\"401\"} "), "{counted}");
    assert!(!hub.thread(place.repo, number).contains("quantum-acme"));
    let rest = served.rest();
    assert!(!rest.contains("signature"), "strangers can't fill the log: {rest}");
    drop(served);
    let mut served = Served::start(with_app(&desk, &hub, &fresh, &["serve"]));
    served.says("working as @quantum-acme");
    process::wait_until("it is answered", || hub.thread(place.repo, number).contains("rocket by"));
    let thread = hub.thread(place.repo, number);
    assert_eq!(thread.matches("A command is the first line").count(), 1, "{thread}");
}

#[test]
fn a_port_that_is_taken_and_a_folder_that_can_not_be_written_are_named() {
    let (desk, hub) = (Desk::empty(), hub());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let check = |name: &str, value: &str, says: &[&str]| {
        let mut command = with_app(&desk, &hub, &hub.key(), &["serve"]);
        let told = desk.told(command.env(name, value));
        assert_eq!((told.exit, told.stdout.as_str()), (1, ""), "{}", told.stderr);
        for word in says.iter().chain(&["error: ", "hint: "]) {
            assert!(told.stderr.contains(word), "{word}: {}", told.stderr);
        }
    };
    check("QUANTUM_LISTEN", &address, &[&address, "is taken by another program", "QUANTUM_LISTEN"]);
    check("QUANTUM_LISTEN", "192.0.2.1:80", &["192.0.2.1:80 can't be listened on", "QUANTUM_LISTEN"]);
    // no folder can be below a file, whoever asks
    let file = desk.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("data");
    check("QUANTUM_DATA_DIR", below.to_str().unwrap(), &["can't be written", "QUANTUM_DATA_DIR"]);
    let database = format!("sqlite://{}", below.join("quantum.db").display());
    check("QUANTUM_DATABASE_URL", &database, &["the store's folder", "can't be made", "QUANTUM_DATA_DIR"]);
    check(
        "QUANTUM_GITHUB_WEBHOOK_SECRET",
        "",
        &["not set: QUANTUM_GITHUB_WEBHOOK_SECRET", "that you chose there"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_can_not_be_opened_is_said_at_once_and_the_door_stays_open() {
    let (desk, hub) = (Desk::empty(), hub());
    let place = hub.usual();
    let number = hub.open_issue(place.repo, place.ada, "Make it good", "please");
    let wrong = [
        ("openai/gpt-5", "there is no key for openai/gpt-5", "set OPENAI_API_KEY"),
        ("gpt-5", "names no model", "PROVIDER/NAME"),
        ("scripted//no/such", "/no/such", "name another"),
    ];
    for (times, (model, says, remedy)) in (1..).zip(wrong) {
        let mut command = with_app(&desk, &hub, &hub.key(), &["serve"]);
        let mut served = Served::start({
            command.env("QUANTUM_MODEL", model);
            command
        });
        let said = &served.before;
        assert!(said.contains("note: no model: ") && said.contains(says) && said.contains(remedy), "{said}");
        served.says("working as @quantum-acme");
        let (status, found) = ready(&served.address).await;
        let check = &found["checks"]["model"];
        assert_eq!((status, &check["ok"]), (503, &json!(false)), "{found}");
        let hint = check["hint"].as_str().unwrap();
        assert!(hint.contains(remedy) && hint.contains("runs wait until then"), "{hint}");
        hub.send_hooks_to(&format!("{}/webhooks/github", served.address));
        hub.take(usize::MAX);
        hub.comment(place.repo, number, place.ada, "/quantum help");
        assert_eq!(hub.deliver_all().await, [202]);
        let answers = || hub.thread(place.repo, number).matches("A command is the first line").count();
        process::wait_until("who serves answers", || answers() == times);
    }
}

#[test]
fn no_walls_and_no_price_are_said_at_the_start() {
    let (desk, hub) = (Desk::empty(), hub());
    let before = |settings: &[(&str, &str)]| {
        let mut command = with_app(&desk, &hub, &hub.key(), &["serve"]);
        command.env("OPENAI_API_KEY", "none").envs(settings.iter().copied());
        Served::start(command).before.clone()
    };
    let said = before(&[("QUANTUM_MODEL", "openai/of-this-house"), ("QUANTUM_SANDBOX", "danger-host")]);
    for words in [
        "WARNING: danger-host: nothing confines the agent",
        "note: no price is known for openai/of-this-house: dollars are not capped",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let calm = before(&[("QUANTUM_MODEL", "openai/gpt-5-mini")]);
    assert!(!calm.contains("WARNING") && !calm.contains("no price"), "{calm}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_can_not_be_reached_is_said_at_once_and_by_ready() {
    let (desk, hub) = (Desk::empty(), hub());
    // nobody listens on port 1
    let unreachable = |args: &[&str]| {
        let mut command = with_app(&desk, &hub, &hub.key(), args);
        command.env("QUANTUM_GITHUB_API_URL", "http://127.0.0.1:1");
        command
    };
    let mut served = Served::start(unreachable(&["serve"]));
    served.says("note: GitHub does not tell who we are: no answer from GitHub");
    assert!(served.says("hint: ").contains("check the network"));
    let (status, found) = ready(&served.address).await;
    let hint = found["checks"]["github"]["hint"].as_str().unwrap();
    assert!(status == 503 && hint.contains("check the network"), "{found}");
    drop(served);
    let lines = examined(&desk, &mut unreachable(&["doctor", "--json"]));
    assert!(lines.len() == 1 && lines[0].starts_with("github app false: no answer"), "{lines:?}");
    assert!(!lines[0].contains("tried again"), "nobody does: {lines:?}");
}

#[test]
fn a_saved_delivery_comes_in_by_the_same_door() {
    let (desk, hub) = (Desk::empty(), hub());
    let file = desk.path().join("payload.json");
    let receive = |body: &str, more: &[&str]| {
        fs::write(&file, body).unwrap();
        let args = [&["receive", file.to_str().unwrap()], more].concat();
        desk.told(&mut with_app(&desk, &hub, &hub.key(), &args))
    };
    let ping = r#"{"zen":"Keep it logically awesome."}"#;
    let said = |told: &crate::story::Told| -> Value {
        assert_eq!(told.exit, 0, "{}", told.stderr);
        serde_json::from_str(&told.stdout).unwrap()
    };
    let first = said(&receive(ping, &["--event", "ping"]));
    assert_eq!(first["state"], "ignored");
    assert_eq!(said(&receive(ping, &["--event", "ping"]))["delivery"], first["delivery"], "the same file");
    let named = ["--event", "ping", "--id", "a-name"];
    assert_eq!(said(&receive(ping, &named)), json!({"delivery": "a-name", "state": "ignored"}));
    assert_eq!(said(&receive(ping, &named)), json!({"delivery": "a-name", "state": "duplicate"}));
    for (body, more, says) in [
        ("[]", &["--event", "ping"][..], "JSON object"),
        ("payload=%7B%7D", &["--event", "ping"], "JSON object"),
        (ping, &["--event", "pi-ng"], "X-GitHub-Event"),
        (ping, &["--event", ""], "X-GitHub-Event"),
        (ping, &["--event", "ping", "--id", "a b"], "X-GitHub-Delivery"),
    ] {
        let told = receive(body, more);
        assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{body} {more:?}: {}", told.stderr);
        assert!(told.stderr.contains(says) && told.stderr.contains("hint: "), "{more:?}: {}", told.stderr);
    }
}

/// What `doctor` says about GitHub: a line each.
fn examined(desk: &Desk, command: &mut Command) -> Vec<String> {
    let told = desk.told(command);
    let found: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{}", told.stderr));
    let is_github = |name: &str| name.starts_with("github") || name.starts_with("installation");
    let lines =
        found["checks"].as_array().unwrap().iter().filter(|line| is_github(line["name"].as_str().unwrap()));
    let lines: Vec<_> = lines
        .map(|line| {
            let said = line["hint"].as_str().or(line["detail"].as_str()).unwrap_or_default();
            format!("{} {}: {said}", line["name"].as_str().unwrap(), line["ok"])
        })
        .collect();
    if lines.iter().any(|line| line.contains(" false: ")) {
        assert_eq!((told.exit, &found["ok"]), (1, &json!(false)));
    }
    lines
}

#[test]
fn doctor_names_what_the_app_and_its_installations_lack() {
    let (desk, hub) = (Desk::empty(), hub());
    let place = hub.usual();
    let args = ["doctor", "--json"];
    let ask = |key: &Secret| examined(&desk, &mut with_app(&desk, &hub, key, &args));
    let fine = ask(&hub.key());
    assert_eq!(fine[0], "github app true: @quantum-acme");
    assert!(fine[1].starts_with("installation acme true: number ") && fine.len() == 2, "{fine:?}");
    hub.grant(place.installation, "checks", Some(Level::Read));
    let other = hub.install("corp", None);
    hub.suspend(other, true);
    let lacking = ask(&hub.key());
    let acme = "installation acme false: it lacks permission checks: write: accept the App's new permissions";
    assert!(lacking[1].starts_with(acme), "{lacking:?}");
    assert!(lacking[2].starts_with("installation corp false: it is suspended: unsuspend it"), "{lacking:?}");
    let old = hub.key();
    hub.rotate_key();
    let refused = ask(&old);
    assert!(refused[0].starts_with("github app false: GitHub does not take the App's key"), "{refused:?}");
    assert!(refused[0].contains("QUANTUM_GITHUB_APP_ID") && refused.len() == 1, "{refused:?}");
    // half of the settings is a mistake, none is none
    let half = examined(&desk, desk.quantum(&args).env("QUANTUM_GITHUB_APP_ID", "7"));
    assert_eq!(half.len(), 1, "{half:?}");
    assert!(
        half[0].contains("not set: QUANTUM_GITHUB_PRIVATE_KEY, QUANTUM_GITHUB_WEBHOOK_SECRET"),
        "{half:?}"
    );
    assert_eq!(examined(&desk, &mut desk.quantum(&args)), [""; 0]);
}
