//! Progress for a person: a live task list with the current tool, money and time on a terminal, plain lines when
//! piped. Colours only on terminals. Everything that came from a model or a repository is stripped of control
//! characters first.

use super::say;
use crate::{
    agent::contract::{Progress, Watch},
    clock::{Clock, Timestamp},
    ids::{TaskId, Usd},
    limits::shown as limits,
    run::{self, Plan, Run, TaskState},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tracing::level_filters::LevelFilter;

/// How often the elapsed time is redrawn.
const REDRAW: Duration = Duration::from_millis(120);

/// Shows a run while it works.
pub(super) struct Display {
    state: Arc<Mutex<State>>,
}

struct State {
    live: Option<Live>,
    clock: Clock,
    began: Timestamp,
    phase: String,
    tasks: Vec<(TaskId, String, TaskState)>,
    doing: String,
    spent: String,
}

/// The part of the screen that is redrawn.
struct Live {
    bar: ProgressBar,
    screen: Arc<Mutex<Screen>>,
}

/// What it shows, uncut: the terminal may have another width at the next redraw.
#[derive(Default)]
struct Screen {
    phase: String,
    spent: String,
    below: Vec<String>,
}

impl Display {
    /// Live on a terminal that can move its cursor, lines otherwise; log lines would tear a live display.
    pub(super) fn new(clock: Clock) -> Self {
        let live = Live::new().filter(|_| LevelFilter::current() == LevelFilter::OFF);
        let state = State {
            live,
            began: clock.now(),
            clock,
            phase: String::new(),
            tasks: Vec::new(),
            doing: String::new(),
            spent: String::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known before anything happens; a run that goes on has a plan already.
    pub(super) fn begin(&self, run: &Run) {
        let mut state = self.state();
        state.show(Progress::Phase(run::reply::phase(run.phase()).to_owned()));
        if let Some(plan) = &run.state.plan {
            state.planned(plan);
            for (task, now) in run.tasks() {
                state.task(&task.id, now);
            }
            state.redraw();
        }
    }

    /// The run's side of the display.
    pub(super) fn watch(&self) -> Watch {
        let state = Arc::clone(&self.state);
        Watch(Arc::new(move |progress| state.lock().unwrap_or_else(PoisonError::into_inner).show(progress)))
    }

    /// A line of the program's own.
    pub(super) fn note(&self, text: &str) {
        self.state().line(text);
    }

    /// Takes the live part off the screen; how far each task came stays.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        if let Some(live) = state.live.take() {
            live.bar.finish_and_clear();
            state.tasks.iter().for_each(|row| say(&task_row(row)));
        }
    }
}

impl Live {
    fn new() -> Option<Self> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            return None;
        }
        let screen = Arc::new(Mutex::new(Screen::default()));
        let shown = Arc::clone(&screen);
        let draw = move |bar: &ProgressState, out: &mut dyn Write| {
            // the spinner and a column kept free
            let width = usize::from(console::Term::stderr().size().1).saturating_sub(3);
            let screen = shown.lock().unwrap_or_else(PoisonError::into_inner);
            // the most important words first: a narrow terminal shows the beginning
            let status = format!("{} · {}{}", screen.phase, minutes(bar.elapsed()), screen.spent);
            let rows = [status].into_iter().chain(screen.below.iter().cloned());
            let cut: Vec<_> = rows.map(|row| console::truncate_str(&row, width, "…").into_owned()).collect();
            // the bar's own buffer does not fail
            let _ = out.write_str(&cut.join("\n"));
        };
        let style = ProgressStyle::with_template("{spinner:.cyan} {rows}").ok()?;
        bar.set_style(style.with_key("rows", draw));
        bar.enable_steady_tick(REDRAW);
        Some(Self { bar, screen })
    }
}

impl State {
    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Phase(phase) => self.phase(phase),
            Progress::Planned(plan) => self.planned(&plan),
            Progress::Task(id, state) => self.task(&id, state),
            Progress::Asking { role, task, step } => {
                let whose = if task.as_str() == role || task.as_str() == "plan" {
                    role
                } else {
                    format!("{role} on {task}")
                };
                self.doing = format!("{whose}: asking the model (step {step})");
                self.plain(&self.doing.clone());
            }
            Progress::Tool { task, name, brief } => {
                self.doing = clean(&format!("{task}: {name} {brief}"));
                self.plain(&format!("  {}", self.doing));
            }
            Progress::ToolDone { line, .. } => self.plain(&format!("    {}", clean(&line))),
            Progress::Spent { usd, calls, input_tokens, output_tokens } => {
                let money = usd.map_or("price unknown".to_owned(), |usd: Usd| usd.to_string());
                let calls = count(u64::from(calls), "model call");
                self.spent = format!(" · {money} · {calls} · {} tokens", input_tokens + output_tokens);
            }
            Progress::Command { what, command } => {
                self.doing = clean(&format!("{what}: {command}"));
                self.line(&format!("  {}", self.doing.clone()));
            }
            Progress::Note(text) => self.line(&format!("note: {}", clean(&text))),
        }
        self.redraw();
    }

    /// Where the run is. The end is told by the lines after the display.
    fn phase(&mut self, phase: String) {
        if phase == self.phase || matches!(phase.as_str(), "closed" | "paused") {
            return;
        }
        self.plain(&format!("{phase}{}", self.spent));
        self.phase = phase;
        self.doing.clear();
    }

    fn planned(&mut self, plan: &Plan) {
        self.tasks = plan.tasks.iter().map(|t| (t.id.clone(), clean(&t.title), TaskState::Pending)).collect();
        let steps: u32 = plan.tasks.iter().filter_map(|t| t.estimate_steps).sum();
        let estimate = if steps > 0 { format!(", about {steps} steps") } else { String::new() };
        let tasks = count(plan.tasks.len() as u64, "task");
        self.line(&format!("plan: {tasks}, {} % sure{estimate}", plan.confidence));
        for task in &plan.tasks {
            let needs: Vec<_> = task.needs.iter().map(TaskId::as_str).collect();
            let needs =
                if needs.is_empty() { String::new() } else { format!(" (after {})", needs.join(", ")) };
            self.plain(&clean(&format!("  {}  {:<6} {}{needs}", task.id, task.role, task.title)));
        }
    }

    fn task(&mut self, id: &TaskId, state: TaskState) {
        let Some(row) = self.tasks.iter_mut().find(|row| row.0 == *id) else { return };
        if row.2 == state {
            return;
        }
        row.2 = state;
        let line = task_row(row);
        self.plain(&line);
    }

    /// A line that stays, in both modes.
    fn line(&self, text: &str) {
        match &self.live {
            Some(live) => live.bar.println(text),
            None => say(&format!("[{}] {text}", self.elapsed())),
        }
    }

    /// A line for logs only; a terminal shows the same thing live.
    fn plain(&self, text: &str) {
        if self.live.is_none() {
            self.line(text);
        }
    }

    fn elapsed(&self) -> String {
        minutes(self.clock.now().since(self.began))
    }

    fn redraw(&self) {
        let Some(live) = &self.live else { return };
        let mut below = Vec::new();
        if !self.doing.is_empty() {
            below.push(format!("  {}", self.doing));
        }
        let room = usize::from(console::Term::stderr().size().0).saturating_sub(limits::OTHER_ROWS).max(1);
        below.extend(window(&self.tasks, room));
        *live.screen.lock().unwrap_or_else(PoisonError::into_inner) =
            Screen { phase: self.phase.clone(), spent: self.spent.clone(), below };
        live.bar.tick();
    }
}

/// As many tasks as there is room for, from the first that is not done.
fn window(tasks: &[(TaskId, String, TaskState)], room: usize) -> Vec<String> {
    let first = tasks.iter().position(|row| matches!(row.2, TaskState::Pending | TaskState::Running));
    let first = first.unwrap_or(0).min(tasks.len().saturating_sub(room));
    let mut rows: Vec<_> = tasks.iter().skip(first).take(room).map(task_row).collect();
    let hidden = tasks.len() - rows.len();
    if hidden > 0 {
        rows.push(format!("  … and {hidden} more"));
    }
    rows
}

fn minutes(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

fn task_row((id, title, state): &(TaskId, String, TaskState)) -> String {
    format!("  {} {id} {title}", mark(*state))
}

fn mark(state: TaskState) -> &'static str {
    match state {
        TaskState::Pending => "[ ]",
        TaskState::Running => "[>]",
        TaskState::Done => "[x]",
        TaskState::Failed => "[!]",
        TaskState::Skipped => "[-]",
    }
}

/// `1 test`, `2 tests`.
pub(super) fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// One line without control characters: what a test prints must not drive the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !reorders(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Several lines without control characters other than line breaks and tabs.
pub(super) fn clean_lines(text: &str) -> String {
    text.chars().filter(|c| !reorders(*c) && (!c.is_control() || matches!(c, '\n' | '\t'))).collect()
}

/// Marks that show text in another order than it is written in: a diff must not look like another one.
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A unified diff for a person: coloured on a terminal.
pub(super) fn diff(text: &str) -> String {
    let colours = console::colors_enabled_stderr();
    let line = |line: &str| {
        let clean = clean_lines(line);
        let style = console::Style::new().for_stderr().force_styling(colours);
        match line.as_bytes().first() {
            Some(b'+') => style.green().apply_to(clean).to_string(),
            Some(b'-') => style.red().apply_to(clean).to_string(),
            Some(b'@') => style.cyan().apply_to(clean).to_string(),
            _ => clean,
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
