//! The environment of commands: set by us from nothing, the policy's on top.

use super::Policy;
use crate::limits::sandbox::PROXY_PORT;
use std::collections::BTreeMap;

/// The host's folders for programs, in the order of `PATH`.
pub const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What keeps package managers from waiting for a network that isn't there.
const OFFLINE: &[(&str, &str)] = &[
    ("BUNDLE_LOCAL", "true"),
    ("CARGO_NET_OFFLINE", "true"),
    ("COMPOSER_DISABLE_NETWORK", "1"),
    ("GOPROXY", "off"),
    ("GOSUMDB", "off"),
    ("GOTOOLCHAIN", "local"),
    ("HF_HUB_OFFLINE", "1"),
    ("MIX_OFFLINE", "1"),
    ("PIP_NO_INDEX", "1"),
    ("UV_OFFLINE", "1"),
    ("YARN_ENABLE_NETWORK", "0"),
    ("npm_config_offline", "true"),
];

/// What no command should ask or fetch, with or without a network.
const QUIET: &[(&str, &str)] = &[
    ("CI", "1"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LANG", "C.UTF-8"),
    ("NO_UPDATE_NOTIFIER", "1"),
    ("PAGER", "cat"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INPUT", "1"),
    // caches next to the sources would become part of the change
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("RUSTUP_AUTO_INSTALL", "0"),
    ("TERM", "dumb"),
    ("npm_config_audit", "false"),
    ("npm_config_fund", "false"),
    ("npm_config_update_notifier", "false"),
];

/// Every variable that a command gets. `home` and `tmp` are private folders.
pub(super) fn environment(policy: &Policy, home: &str, tmp: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    set("PATH", SYSTEM_PATH);
    set("HOME", home);
    set("TMPDIR", tmp);
    set("USER", "quantum");
    set("LOGNAME", "quantum");
    set("SHELL", "/bin/sh");
    set("XDG_CACHE_HOME", &format!("{home}/.cache"));
    set("XDG_CONFIG_HOME", &format!("{home}/.config"));
    set("XDG_DATA_HOME", &format!("{home}/.local/share"));
    set("XDG_STATE_HOME", &format!("{home}/.local/state"));
    set("XDG_RUNTIME_DIR", &format!("{home}/.run"));
    QUIET.iter().for_each(|(name, value)| set(name, value));
    if policy.egress.is_some() {
        let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            set(name, &proxy);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            set(name, "localhost,127.0.0.1,::1");
        }
    } else {
        OFFLINE.iter().for_each(|(name, value)| set(name, value));
    }
    variables.extend(policy.env.iter().filter(|(name, _)| !name.is_empty()).cloned());
    variables
}

/// Makes it this process's own, for the commands it starts.
#[expect(unsafe_code, reason = "a process's own environment can only be set so")]
pub(super) fn set(variables: &BTreeMap<String, String>) {
    for (name, value) in variables {
        if name.contains(['=', '\0']) || value.contains('\0') {
            continue;
        }
        // SAFETY: the process has one thread: it was just forked.
        unsafe { std::env::set_var(name, value) };
    }
}
