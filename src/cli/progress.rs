//! Progress for a person: a live task list with the current tool, money and time on a terminal, plain lines when
//! piped. Colours only on terminals. Everything that came from a model or a repository is stripped of control
//! characters first.

use super::say;
use crate::{
    agent::contract::{Progress, Watch},
    clock::{Clock, Timestamp},
    ids::{TaskId, Usd},
    run::{Plan, TaskState},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often the elapsed time is redrawn.
const REDRAW: Duration = Duration::from_millis(120);
/// Characters of one line; longer ones would wrap and break the live display.
const LINE_CHARS: usize = 100;

/// Shows a run while it works.
pub(super) struct Display {
    state: Arc<Mutex<State>>,
}

struct State {
    bar: Option<ProgressBar>,
    clock: Clock,
    began: Timestamp,
    phase: String,
    tasks: Vec<(TaskId, String, TaskState)>,
    doing: String,
    spent: String,
}

impl Display {
    /// Live on a terminal, lines otherwise.
    pub(super) fn new(clock: Clock) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template("{msg}\n{spinner:.cyan} {prefix} · {elapsed}")
                    .unwrap_or(ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(REDRAW);
            bar
        });
        let began = clock.now();
        let state = State {
            bar,
            clock,
            began,
            phase: String::new(),
            tasks: Vec::new(),
            doing: String::new(),
            spent: String::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The run's side of the display.
    pub(super) fn watch(&self) -> Watch {
        let state = Arc::clone(&self.state);
        Watch(Arc::new(move |progress| state.lock().unwrap_or_else(PoisonError::into_inner).show(progress)))
    }

    /// Takes the live part off the screen.
    pub(super) fn finish(&self) {
        if let Some(bar) = self.state.lock().unwrap_or_else(PoisonError::into_inner).bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl State {
    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Phase(phase) => {
                self.line(&phase);
                self.phase = phase;
            }
            Progress::Planned(plan) => self.planned(&plan),
            Progress::Task(id, state) => self.task(&id, state),
            Progress::Asking { role, task, step } => {
                self.doing = format!("{role} on {task}: asking the model (step {step})");
                self.plain(&self.doing.clone());
            }
            Progress::Tool { task, name, brief } => {
                self.doing = clean(&format!("{task}: {name} {brief}"));
                self.plain(&format!("  {}", self.doing));
            }
            Progress::ToolDone { line, .. } => self.plain(&format!("    {}", clean(&line))),
            Progress::Spent { usd, calls, input_tokens, output_tokens } => {
                let money = usd.map_or("price unknown".to_owned(), |usd: Usd| usd.to_string());
                self.spent =
                    format!("{money} · {calls} model calls · {} tokens", input_tokens + output_tokens);
            }
            Progress::Command { what, command } => {
                self.doing = clean(&format!("{what}: {command}"));
                self.line(&format!("  {}", self.doing.clone()));
            }
            Progress::Note(text) => self.line(&format!("note: {}", clean(&text))),
        }
        self.redraw();
    }

    fn planned(&mut self, plan: &Plan) {
        self.tasks = plan.tasks.iter().map(|t| (t.id.clone(), clean(&t.title), TaskState::Pending)).collect();
        let steps: u32 = plan.tasks.iter().filter_map(|t| t.estimate_steps).sum();
        let estimate = if steps > 0 { format!(", about {steps} steps") } else { String::new() };
        let tasks =
            if plan.tasks.len() == 1 { "1 task".to_owned() } else { format!("{} tasks", plan.tasks.len()) };
        self.line(&format!("plan: {tasks}, {} % sure{estimate}", plan.confidence));
        for task in &plan.tasks {
            let needs: Vec<_> = task.needs.iter().map(TaskId::as_str).collect();
            let needs =
                if needs.is_empty() { String::new() } else { format!(" (after {})", needs.join(", ")) };
            self.line(&clean(&format!("  {}  {:<6} {}{needs}", task.id, task.role, task.title)));
        }
    }

    fn task(&mut self, id: &TaskId, state: TaskState) {
        let Some(row) = self.tasks.iter_mut().find(|row| row.0 == *id) else { return };
        if row.2 == state {
            return;
        }
        row.2 = state;
        let line = format!("  {} {} {}", mark(state), row.0, row.1);
        self.plain(&line);
    }

    /// A line that stays, in both modes.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(&format!("[{}] {text}", self.elapsed())),
        }
    }

    /// A line for logs only; a terminal shows the same thing live.
    fn plain(&self, text: &str) {
        if self.bar.is_none() {
            self.line(text);
        }
    }

    fn elapsed(&self) -> String {
        let seconds = self.clock.now().since(self.began).as_secs();
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }

    fn redraw(&self) {
        let Some(bar) = &self.bar else { return };
        let mut rows: Vec<String> = self
            .tasks
            .iter()
            .map(|(id, title, state)| cut(&format!("  {} {id} {title}", mark(*state))))
            .collect();
        if !self.doing.is_empty() {
            rows.push(cut(&format!("  {}", self.doing)));
        }
        bar.set_message(rows.join("\n"));
        bar.set_prefix(if self.spent.is_empty() {
            self.phase.clone()
        } else {
            format!("{} · {}", self.phase, self.spent)
        });
    }
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

fn cut(text: &str) -> String {
    match text.char_indices().nth(LINE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// One line without control characters: what a test prints must not drive the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Several lines without control characters other than line breaks and tabs.
pub(super) fn clean_lines(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
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
