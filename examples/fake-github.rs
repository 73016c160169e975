//! The tests' fake GitHub as a process of its own: a person's way to try the App without GitHub.
//!
//! `cargo run --example fake-github -- [--port N] [--hook URL] [--files DIR]`
//!
//! It prints its address, the App's settings and the commands that write and read a thread, and ends with Ctrl-C.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]
#![expect(dead_code, unused_imports, reason = "the tests use all of the world, this a part")]

#[path = "../tests/it/world/mod.rs"]
mod world;

use std::{fs, path::Path};
use world::{FakeGitHub, Role, Settings};

/// Where `quantum serve` listens unless told otherwise.
const HOOK: &str = "http://127.0.0.1:3000/webhooks/github";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let port = value("--port").map_or(0, |port| port.parse().unwrap());
    let hook = value("--hook").unwrap_or(HOOK);
    let hub = FakeGitHub::start_with(Settings { port, ..Settings::default() });

    let mut files = Vec::new();
    if let Some(folder) = value("--files") {
        read_folder(Path::new(folder), "", &mut files);
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repo = hub.repo("acme/widgets", &files);
    let ada = hub.user("ada");
    hub.permit(repo, ada, Role::Write);
    let token = hub.user_token(ada);
    hub.send_hooks_to(hook);
    hub.deliver_by_itself();
    hub.install("acme", None);
    let issue = hub.open_issue(repo, ada, "Add a flag", "The tool needs a flag `--quiet`.");

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("app.pem");
    fs::write(&key, hub.key().expose()).unwrap();
    let (url, secret) = (hub.url(), hub.webhook_secret());
    println!("A GitHub at {url}, with acme/widgets and issue {issue}; its webhooks go to {hook}\n");
    println!("# serve it");
    println!(
        "export QUANTUM_GITHUB_API_URL={url} QUANTUM_GITHUB_URL={url} QUANTUM_GITHUB_APP_ID={}",
        hub.app_id()
    );
    println!("export QUANTUM_GITHUB_PRIVATE_KEY_FILE={}", key.display());
    println!("export QUANTUM_GITHUB_WEBHOOK_SECRET='{}'\nquantum serve\n", secret.expose());
    println!("# say something as ada");
    println!("curl -sH 'Authorization: Bearer {token}' {url}/repos/acme/widgets/issues/{issue}/comments \\");
    println!("  -d '{{\"body\":\"/quantum build\"}}'\n");
    println!("# look");
    println!("curl -s {url}/_/thread/acme/widgets/{issue}");
    println!("curl -s {url}/_/log   # also: deliveries, trouble");
    tokio::signal::ctrl_c().await.unwrap();
    println!("\n{}", hub.thread(repo, issue));
}

/// The text files of a folder, `.git` left out.
fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if name != ".git" && name != "target" {
                read_folder(&entry.path(), &format!("{path}/"), files);
            }
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push((path, text));
        }
    }
}
