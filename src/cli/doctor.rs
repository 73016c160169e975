//! `quantum doctor`: every probe of sandbox, toolchains, model, git, store and, where an App is set up, GitHub: one line each
//! with the remedy.

mod github;

use super::{Exit, args::DoctorArgs, notes::no_price, progress::clean, put, say, wiring};
use crate::{
    config::{Settings, env::Env},
    model::spec,
    report::Hint,
    sandbox::{Kind, Probe, roots::Roots},
    store::Store,
};
use serde::Serialize;

/// Programs that run a repository's tests.
const RUNNERS: &[&str] = &["cargo", "npm", "python3", "go", "mvn", "gradle", "make"];

#[derive(Serialize)]
struct Diagnosis {
    ok: bool,
    checks: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    ok: bool,
    /// What to do; null when all is well.
    hint: Option<String>,
    /// What was found.
    detail: Option<String>,
}

impl From<Probe> for Line {
    fn from(probe: Probe) -> Self {
        let said = probe.hint.unwrap_or_default();
        line(&probe.name, if probe.ok { Ok(said) } else { Err(said) })
    }
}

fn line(name: &str, result: Result<String, String>) -> Line {
    let ok = result.is_ok();
    let said = |text: Option<String>| text.map(|text| clean(&text)).filter(|text| !text.is_empty());
    let (detail, hint) = (said(result.as_ref().ok().cloned()), said(result.err()));
    Line { name: name.to_owned(), ok, hint, detail }
}

pub(super) async fn doctor(args: DoctorArgs) -> Exit {
    let mut checks = Vec::new();
    match wiring::settings(args.config.as_deref(), None) {
        Ok((mut settings, env)) => {
            let folder = wiring::data_folder(&mut settings);
            checks.push(line("settings", folder.map(|()| told(&settings)).map_err(said)));
            checks.extend(wiring::sandbox(&settings).probe().await.into_iter().map(Line::from));
            let roots = wiring::roots_of(&settings, &env);
            checks.push(line("toolchains", toolchains(&env, &roots)));
            // without walls everything is shown
            if settings.sandbox == Kind::Linux {
                checks.extend(shown(roots));
            }
            checks.push(git(&settings));
            checks.push(store(&settings).await);
            checks.push(model(&settings, args.model.as_deref()).await);
            checks.extend(github::lines(args.config.as_deref(), &env).await);
        }
        Err(refusal) => checks.push(line("settings", Err(said(refusal)))),
    }
    let diagnosis = Diagnosis { ok: checks.iter().all(|check| check.ok), checks };
    show(&diagnosis, args.json);
    if diagnosis.ok { Exit::Done } else { Exit::Failed }
}

fn said((report, _): wiring::Refusal) -> String {
    format!("{}; {}", report.message, report.hint)
}

/// What of the host the sandbox shows, and what it does not though it was asked to.
fn shown(roots: Roots) -> Vec<Line> {
    let shown = roots
        .listing
        .into_iter()
        .map(|(what, path)| line(&format!("sandbox shows: {what}"), Ok(path.display().to_string())));
    let refused = roots.refused.into_iter().map(|(path, why)| {
        let said = format!("QUANTUM_SANDBOX_READ: {} is not shown: {why}", path.display());
        line("sandbox shows: extra", Err(said))
    });
    shown.chain(refused).collect()
}

/// Which runners of tests this machine has. A repository needs one of them; nobody needs all.
fn toolchains(env: &Env, roots: &Roots) -> Result<String, String> {
    const IDLE: &str = "cargo is on PATH but has no toolchain: run `rustup default stable`";
    let (mut found, absent): (Vec<&str>, Vec<&str>) = RUNNERS.iter().partition(|program| env.finds(program));
    let is_idle = roots.rust_is_absent(env.var("PATH").unwrap_or_default());
    found.retain(|program| !(is_idle && *program == "cargo"));
    let mut said = vec![found.join(", ")];
    said.extend(is_idle.then(|| IDLE.to_owned()));
    said.extend((!absent.is_empty()).then(|| format!("not on PATH: {}", absent.join(", "))));
    match (found.is_empty(), is_idle) {
        (true, true) => Err(IDLE.to_owned()),
        (true, false) => Err(format!(
            "none of {} is on PATH: install what your repository is tested with, or add its folder to PATH",
            absent.join(", ")
        )),
        (false, _) => Ok(said.join("; ")),
    }
}

fn show(diagnosis: &Diagnosis, json: bool) {
    if json {
        put(&format!("{}\n", serde_json::to_string(diagnosis).unwrap_or_default()));
        return;
    }
    let width = diagnosis.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let colours = console::colors_enabled();
    for check in &diagnosis.checks {
        let style = console::Style::new().force_styling(colours);
        let mark =
            if check.ok { style.green().apply_to("ok  ") } else { style.red().bold().apply_to("FAIL") };
        let said = check.hint.as_ref().or(check.detail.as_ref()).map_or("", String::as_str);
        let said = match console::Term::stdout().size_checked() {
            Some((_, columns)) => wrapped(said, 7 + width, usize::from(columns)),
            None => said.to_owned(),
        };
        put(format!("{mark} {:width$}  {said}", check.name).trim_end());
        put("\n");
    }
    let missing = diagnosis.checks.iter().filter(|check| !check.ok).count();
    if missing > 0 {
        say(&format!("\n{missing} of {} checks failed; each line says what to do", diagnosis.checks.len()));
    }
}

/// Words in lines that end before the terminal does, each below the first.
fn wrapped(text: &str, indent: usize, columns: usize) -> String {
    let (mut all, mut at) = (String::new(), indent);
    for word in text.split(' ') {
        let length = console::measure_text_width(word);
        if at > indent && at + 1 + length >= columns {
            all.push_str(&format!("\n{:indent$}", ""));
            at = indent;
        } else if at > indent {
            all.push(' ');
            at += 1;
        }
        all.push_str(word);
        at += length;
    }
    all
}

/// Where the data is, and what is odd about the settings without being wrong.
fn told(settings: &Settings) -> String {
    let mut told = vec![format!("data in {}", settings.data.display())];
    told.extend(settings.notes.iter().cloned());
    if !settings.not_in_effect.is_empty() {
        told.push(format!("not in effect yet: {}", settings.not_in_effect.join(", ")));
    }
    told.join("; ")
}

fn git(settings: &Settings) -> Line {
    let version = git2::Version::get().libgit2_version();
    let place = settings.data.join("git");
    let made = std::fs::create_dir_all(&place).and_then(|()| tempfile::tempfile_in(&place).map(drop));
    let remedy =
        |cause| format!("{} can't be written: {cause}; free disk or set QUANTUM_DATA_DIR", place.display());
    line(
        "git",
        made.map(|()| format!("libgit2 {}.{}.{}, no git program needed", version.0, version.1, version.2))
            .map_err(remedy),
    )
}

async fn store(settings: &Settings) -> Line {
    let path = wiring::database(settings);
    let opened = async { Store::open(&path).await?.is_ready().await }.await;
    line(
        "store",
        opened.map(|()| path.display().to_string()).map_err(|error| format!("{error}; {}", error.hint())),
    )
}

async fn model(settings: &Settings, named: Option<&str>) -> Line {
    let Some(name) = named.or(settings.model.as_deref()) else {
        return line(
            "model",
            Err("none is named: set QUANTUM_MODEL or say --model (e.g. openai/gpt-5-mini)".to_owned()),
        );
    };
    let needs = wiring::model_settings(settings);
    let found = match spec::open(name, &needs) {
        Ok(model) => spec::reachable(name, &needs).await.map(|()| match no_price(model.as_ref()) {
            Some(note) => format!("{name}; {note}"),
            None => name.to_owned(),
        }),
        Err(error) => Err(format!("{error}; {}", error.hint())),
    };
    line("model", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_remedy_stays_in_its_column() {
        assert_eq!(wrapped("free disk or set X", 4, 16), "free disk\n    or set X");
        assert_eq!(wrapped("/a/word/that/is/too/long here", 4, 16), "/a/word/that/is/too/long\n    here");
        assert_eq!(wrapped("", 4, 16), "");
    }
}
