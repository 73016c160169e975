//! The tests' fake GitHub as a process of its own: a person's way to try the App without GitHub.
//!
//! It prints its address, the App's settings and the commands that write and read a thread, and ends with Ctrl-C.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers")]
#![expect(dead_code, unused_imports, reason = "the tests use all of the world, this a part")]

#[path = "../tests/it/world/mod.rs"]
mod world;

use std::{fs, net::TcpListener, path::Path, process::ExitCode};
use world::{FakeGitHub, Role, Settings};

const HELP: &str = "\
A GitHub in a process, to try the App without GitHub.

cargo run --example fake-github -- [--port N] [--hook URL] [--files DIR]

  --port N     where it listens on 127.0.0.1; default: any port
  --hook URL   where its webhooks go; default: http://127.0.0.1:3000/webhooks/github
  --files DIR  the files of acme/widgets; default: a small project whose test passes
";
/// Where `quantum serve` listens unless told otherwise.
const HOOK: &str = "http://127.0.0.1:3000/webhooks/github";

/// A project whose own test passes.
const PROJECT: [(&str, &str); 3] =
    [("tool.sh", "echo working\n"), ("Makefile", "test:\n\tsh ./check.sh\n"), ("check.sh", CHECK)];
const CHECK: &str = "if [ \"$(sh ./tool.sh)\" = working ]; then echo 'test result: ok. 1 passed; 0 failed'\n\
    else echo 'test result: FAILED. 0 passed; 1 failed'; exit 1; fi\n";
/// What a model says to build the first issue of that project.
const SCRIPT: &str = r#"{"role":"planner","tool_calls":[{"name":"submit","arguments":{"kind":"plan","plan":{"summary":"One new flag.","confidence":90,"tasks":[{"id":"t1","role":"coder","title":"Add --quiet","text":"With --quiet, tool.sh says nothing.","needs":[]}]}}}]}
{"role":"coder","tool_calls":[{"name":"write","arguments":{"path":"tool.sh","content":"[ \"$1\" = --quiet ] || echo working\n"}}]}
{"role":"coder","tool_calls":[{"name":"submit","arguments":{"kind":"proposal","title":"Add --quiet","summary":"With --quiet the tool says nothing."}}]}
"#;

/// What was asked for on the command line.
struct Wanted {
    port: u16,
    hook: String,
    /// None: the project above.
    files: Option<Vec<(String, String)>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match wanted(&arguments) {
        Ok(wanted) => serve(wanted).await,
        Err(wrong) => {
            eprintln!("{wrong}; --help shows what there is");
            ExitCode::from(2)
        }
    }
}

fn wanted(arguments: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted { port: 0, hook: HOOK.to_owned(), files: None };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{flag} is no flag, or lacks its value"))?;
        match flag.as_str() {
            "--port" => {
                wanted.port = value
                    .parse()
                    .map_err(|_| format!("--port takes a number from 0 (any) to 65535, not {value:?}"))?;
            }
            "--hook" => wanted.hook.clone_from(value),
            "--files" => {
                let mut files = Vec::new();
                read_folder(Path::new(value), "", &mut files)
                    .map_err(|cause| format!("--files: {value} can't be read: {cause}"))?;
                wanted.files = Some(files);
            }
            _ => return Err(format!("{flag} is no flag")),
        }
    }
    // asked before the world is made, which takes a free port for granted
    TcpListener::bind(("127.0.0.1", wanted.port))
        .map_err(|cause| format!("port {} can't be had: {cause}", wanted.port))?;
    Ok(wanted)
}

async fn serve(wanted: Wanted) -> ExitCode {
    let Wanted { port, hook, files } = wanted;
    let hub = FakeGitHub::start_with(Settings { port, ..Settings::default() });
    let own: Vec<_> = files.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let is_ours = files.is_none();
    let repo = hub.repo("acme/widgets", if is_ours { &PROJECT[..] } else { &own[..] });
    let ada = hub.user("ada");
    hub.permit(repo, ada, Role::Write);
    hub.send_hooks_to(&hook);
    hub.deliver_by_itself();
    hub.install("acme", None);
    let issue = hub.open_issue(repo, ada, "Add a flag", "The tool needs a flag `--quiet`.");

    let folder = tempfile::tempdir().unwrap();
    let (url, token) = (hub.url(), hub.user_token(ada));
    println!("A GitHub at {url}, with acme/widgets and issue {issue}; its webhooks go to {hook}\n");
    println!("# serve it");
    println!("{}", settings(&hub, folder.path(), is_ours));
    println!("quantum serve\n");
    println!("# say something as ada");
    println!("curl -sH 'Authorization: Bearer {token}' {url}/repos/acme/widgets/issues/{issue}/comments \\");
    println!("  -d '{{\"body\":\"/quantum build\"}}'\n");
    println!("# look");
    println!("curl -s {url}/_/thread/acme/widgets/{issue}");
    println!("curl -s {url}/_/log   # also: deliveries, trouble");
    tokio::signal::ctrl_c().await.unwrap();
    println!("\n{}", hub.thread(repo, issue));
    // a story would fail by it; a person reads it
    let trouble = hub.forgive();
    if trouble.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("GitHub would not have had this:\n{}", trouble.join("\n"));
    ExitCode::FAILURE
}

/// The App's settings for this world, as lines for a shell. What they name is in the folder.
fn settings(hub: &FakeGitHub, folder: &Path, is_ours: bool) -> String {
    let (key, script, data) = (folder.join("app.pem"), folder.join("model.jsonl"), folder.join("data"));
    fs::write(&key, hub.key().expose()).unwrap();
    fs::write(&script, SCRIPT).unwrap();
    let (url, app, secret) = (hub.url(), hub.app_id(), hub.webhook_secret());
    let (key, script, data, secret) = (key.display(), script.display(), data.display(), secret.expose());
    let model = if is_ours {
        format!(
            "# words for the first build; for a model of your own: openai/gpt-5-mini, and OPENAI_API_KEY\n\
             export QUANTUM_MODEL=scripted/{script}"
        )
    } else {
        "# for example\nexport QUANTUM_MODEL=openai/gpt-5-mini OPENAI_API_KEY=...".to_owned()
    };
    format!(
        "export QUANTUM_GITHUB_API_URL={url} QUANTUM_GITHUB_URL={url} QUANTUM_GITHUB_APP_ID={app}\n\
         export QUANTUM_GITHUB_PRIVATE_KEY_FILE={key}\n\
         export QUANTUM_GITHUB_WEBHOOK_SECRET='{secret}'\n\
         export QUANTUM_DATA_DIR={data}   # goes when this GitHub ends\n\
         {model}"
    )
}

/// The text files of a folder, `.git` left out.
fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if name != ".git" && name != "target" {
                read_folder(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push((path, text));
        }
    }
    Ok(())
}
