//! The settings of the server and of the App.

use quantumlayer::{
    config::{self, ConfigError, ServerSettings, env::Env},
    report::Hint,
    server::ServerError,
};
use std::{fs, time::Duration};

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----";

fn load(pairs: &[(&str, &str)]) -> Result<ServerSettings, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    config::load_server(None, &Env::of(pairs), folder.path())
}

#[test]
fn what_is_not_set_has_its_default_and_the_app_has_none() {
    let settings = load(&[("QUANTUM_GITHUB_WEBHOOK_SECRET", "  ")]).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:3000");
    assert_eq!(settings.sweep, Duration::from_secs(120));
    assert_eq!(
        (settings.api_url.as_str(), settings.github_url.as_str()),
        ("https://api.github.com", "https://github.com")
    );
    assert_eq!(settings.public_url, None);
    let error = settings.app().unwrap_err();
    assert_eq!(error.code(), "config_missing");
    assert_eq!(
        error.to_string(),
        "not set: QUANTUM_GITHUB_APP_ID, QUANTUM_GITHUB_PRIVATE_KEY, QUANTUM_GITHUB_WEBHOOK_SECRET"
    );
    let key = PEM.replace('\n', "\\n");
    let most = [("QUANTUM_GITHUB_APP_ID", "12"), ("QUANTUM_GITHUB_PRIVATE_KEY", key.as_str())];
    let settings = load(&most).unwrap();
    assert_eq!(settings.app().unwrap_err().to_string(), "not set: QUANTUM_GITHUB_WEBHOOK_SECRET");
}

#[test]
fn a_key_is_read_from_a_file_or_from_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    fs::write(&file, format!("{}\r\n", PEM.replace('\n', "\r\n"))).unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "hunter2\n").unwrap();
    let text = format!(
        "github_app_id = 12\ngithub_private_key_file = {file:?}\ngithub_webhook_secret_file = {secret:?}\n\
         listen = \"[::]:80\"\npublic_url = \"https://bot.example.com/\"\nsweep_seconds = 5\n"
    );
    fs::write(folder.path().join("quantum.toml"), text).unwrap();
    let settings = config::load_server(None, &Env::of(&[]), folder.path()).unwrap();
    let app = settings.app().unwrap();
    assert_eq!((app.id, app.webhook_secret.expose()), (12, "hunter2"));
    assert_eq!(app.private_key.expose(), format!("{PEM}\n"));
    assert_eq!(settings.public_url.as_deref(), Some("https://bot.example.com"));
    assert_eq!((settings.listen.as_str(), settings.sweep), ("[::]:80", Duration::from_secs(5)));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let line = PEM.replace('\n', "\\n");
    for key in [PEM, &line, &format!("\n{PEM}\n")] {
        let settings = load(&[("QUANTUM_GITHUB_PRIVATE_KEY", key)]).unwrap();
        assert_eq!(settings.private_key.unwrap().expose(), format!("{PEM}\n"));
    }
}

#[test]
fn what_can_not_be_used_is_named_and_no_secret_is_shown() {
    let check = |name: &str, value: &str, says: &str| {
        let error = load(&[(name, value)]).unwrap_err();
        let text = format!("{error} {}", error.hint());
        assert!(text.contains(name) && text.contains(says), "{name}={value}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    };
    for listen in ["3000", ":3000", "localhost", "::1:3000", "127.0.0.1:70000", "a b:1"] {
        check("QUANTUM_LISTEN", listen, "HOST:PORT");
    }
    for url in ["bot.example.com", "ftp://x", "https://", "/"] {
        check("QUANTUM_PUBLIC_URL", url, "https://");
    }
    check("QUANTUM_GITHUB_API_URL", "https://me:hunter2@ghe.example.com/api/v3", "password");
    check("QUANTUM_GITHUB_URL", "https://ghe.example.com/?x", "`?`");
    check("QUANTUM_SWEEP_SECONDS", "0", "whole number");
    for id in ["0", "Iv1.8a61f9b3a7aba766", "-1"] {
        check("QUANTUM_GITHUB_APP_ID", id, "number");
    }
    let key = "QUANTUM_GITHUB_PRIVATE_KEY";
    check(key, "hunter2", "not a private key");
    check(key, &PEM.replace("END RSA PRIVATE KEY-----", "hunter2"), "not a private key");
    check(key, &PEM.replace("RSA", "ENCRYPTED"), "passphrase");
    check(key, &PEM.replace("RSA PRIVATE", "PUBLIC"), "not a private key");
    check(key, "hunter2", "name the .pem file from the App's settings page");
    check("QUANTUM_GITHUB_PRIVATE_KEY_FILE", "/no/such", "name the .pem file");
    check("QUANTUM_GITHUB_WEBHOOK_SECRET", "hunter2\nmore", "line break");
    check("QUANTUM_GITHUB_WEBHOOK_SECRET_FILE", "/no/such", "can't be read");
    let clear = load(&[("QUANTUM_GITHUB_API_URL", "http://ghe.example.com/api/v3/")]).unwrap();
    assert_eq!((clear.api_url.as_str(), clear.notes.len()), ("http://ghe.example.com/api/v3", 1));
    let here = load(&[("QUANTUM_GITHUB_API_URL", "http://127.0.0.1:8080")]).unwrap();
    assert_eq!(here.notes, [""; 0]);
}

#[test]
fn a_port_that_is_not_ours_and_an_address_that_is_not_here_have_their_remedies() {
    let hint = |kind: std::io::ErrorKind| ServerError::Address("0.0.0.0:80".into(), kind.into()).hint();
    assert!(hint(std::io::ErrorKind::PermissionDenied).contains("a port above 1023"));
    assert!(hint(std::io::ErrorKind::AddrNotAvailable).contains("an address of this machine"));
}
