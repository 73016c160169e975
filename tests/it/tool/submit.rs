//! Submissions: what models write, and what it is taken for.

use super::BOUNDS;
use quantumlayer::{
    model::ToolCall,
    tool::{self, Step, Submission, ToolError},
};
use serde_json::{Value, json};

fn submit(arguments: &str, tool: &str) -> Result<Submission, String> {
    let call = ToolCall { id: String::new(), name: "submit".to_owned(), arguments: arguments.to_owned() };
    match tool::request(&call, &[tool], BOUNDS) {
        Ok(Step::Submitted(submission)) => Ok(submission),
        Ok(Step::Ask(asked)) => panic!("{asked:?}"),
        Err(ToolError::Tell(why)) => Err(why),
        Err(ToolError::Stop(report)) => panic!("{report}"),
    }
}

/// One line for a submission.
fn brief(submission: &Submission) -> String {
    match submission {
        Submission::Plan(plan) => {
            let tasks = plan.tasks.iter().map(|task| {
                let needs: Vec<&str> = task.needs.iter().map(|need| need.as_str()).collect();
                let steps = task.estimate_steps.map_or(String::new(), |steps| format!(" ~{steps}"));
                format!(
                    "{} {} [{}] {}: {}{steps}",
                    task.id,
                    task.role,
                    needs.join(" "),
                    task.title,
                    task.text
                )
            });
            format!("plan {}% {}: {}", plan.confidence, plan.summary, tasks.collect::<Vec<_>>().join("; "))
        }
        Submission::Proposal { title, summary } => format!("proposal {title}: {summary}"),
        Submission::Question(question) => format!("question {} {:?}", question.text, question.choices),
        Submission::Answer(text) => format!("answer {text}"),
        Submission::NoChange(why) => format!("no_change {why}"),
    }
}

#[test]
fn a_submission_is_what_was_meant() {
    let check = |arguments: &str, expected: &str| {
        let submission = submit(arguments, "submit:plan").unwrap_or_else(|why| panic!("{arguments}: {why}"));
        assert_eq!(brief(&submission), expected, "{arguments}");
    };
    check(r#"{"kind":"proposal","title":"Fix it","summary":"Did\nthis."}"#, "proposal Fix it: Did\nthis.");
    check(r#"{"title":"Fix it"}"#, "proposal Fix it: Fix it");
    check(r#"{"summary":"First line\nsecond"}"#, "proposal First line: First line\nsecond");
    check(
        r#"{"kind":"done","text":"Fixed \u001b[31mthe\u001b[0m bug"}"#,
        "proposal Fixed the bug: Fixed the bug",
    );
    check(r#"{"question":"Which one?","choices":["a",2,""]}"#, r#"question Which one? ["a", "2"]"#);
    check(r#"{"kind":"ask","text":"Which one?"}"#, "question Which one? []");
    check(r#"{"answer":"42"}"#, "answer 42");
    check("It is 42.", "answer It is 42.");
    check(r#"{"kind":"no-change","reason":"Is there."}"#, "no_change Is there.");
    check(r#"{"kind":"Nothing","summary":"Is there."}"#, "no_change Is there.");
    check(
        r#"{"summary":"Two steps","confidence":0.85,"tasks":[{"id":"T1","title":"One","text":"Do one","estimate_steps":"7"},{"id":"t_2","role":"Tester","title":"Two","depends_on":"T1"}]}"#,
        "plan 85% Two steps: t1 coder [] One: Do one ~7; t-2 tester [t1] Two: Two",
    );
    check(
        r#"{"plan":{"summary":"S","confidence":"high","tasks":[{"description":"Do it"}]}}"#,
        "plan 85% S: t1 coder [] Do it: Do it",
    );
    check(
        r#"{"kind":"plan","tasks":["first","second"]}"#,
        "plan 50% first: t1 coder [] first: first; t2 coder [] second: second",
    );
    check(
        r#"{"tasks":[{"id":1,"title":"a"},{"id":2,"title":"b","needs":[1]}],"confidence":"70%"}"#,
        "plan 70% a: 1 coder [] a: a; 2 coder [1] b: b",
    );
    check(r#"{"tasks":[{"title":"a"}],"confidence":100}"#, "plan 100% a: t1 coder [] a: a");
    check(r#"{"tasks":[{"title":"a"}],"confidence":1}"#, "plan 100% a: t1 coder [] a: a");
    check(r#"{"tasks":[{"title":"a","role":"coder2"}],"confidence":"1%"}"#, "plan 1% a: t1 coder2 [] a: a");
}

#[test]
fn an_illegal_submission_is_told_what_is_wrong() {
    let check = |arguments: Value, tool: &str, part: &str| {
        let why =
            submit(&arguments.to_string(), tool).err().unwrap_or_else(|| panic!("{arguments} was taken"));
        assert!(why.contains(part), "{arguments}: {why}");
    };
    let plan = "submit:plan";
    let tasks = |tasks: Value| json!({"kind": "plan", "tasks": tasks});
    check(json!({}), plan, "`title` and `summary`");
    check(json!({"kind": "rocket"}), plan, "there is no kind `rocket`");
    check(json!({"kind": "no_change"}), plan, "`text: why` is missing");
    check(json!({"kind": "question"}), plan, "`question` is missing");
    check(tasks(json!([])), plan, "the plan has no task; plan 1 to 20 tasks");
    check(tasks(json!("do it")), plan, "a list of objects");
    check(tasks(json!([7])), plan, "task 1 is not an object");
    check(tasks(json!([{"id": "a"}])), plan, "task a needs a `title`");
    check(tasks(json!([{"id": "***", "title": "x"}])), plan, "\"***\" can't be the id of a task");
    check(tasks(json!([{"id": "plan", "title": "x"}])), plan, "\"plan\" can't be the id of a task");
    check(tasks(json!([{"id": "fix-1", "title": "x"}])), plan, "not `plan` or `fix-…`");
    check(tasks(json!([{"role": "root user", "title": "x"}])), plan, "no legal role: \"root user\"");
    check(tasks(json!([{"role": "planner", "title": "x"}])), plan, "the task t1 is to plan again");
    let tangled: Vec<Value> =
        (1..=20).map(|n| json!({"title": "x", "needs": vec![format!("t{n}"); 4]})).collect();
    check(tasks(json!(tangled)), plan, "need each other more than 60 times");
    check(
        tasks(json!([{"id": "a", "title": "x"}, {"id": "A", "title": "y"}])),
        plan,
        "the task a is there twice",
    );
    check(
        tasks(json!([{"id": "a", "title": "x", "needs": ["b"]}])),
        plan,
        "the task a needs b, which is not in the plan",
    );
    check(
        tasks(json!([{"id": "a", "title": "x", "needs": ["a"]}])),
        plan,
        "the task a needs itself, directly or through others",
    );
    let circle = json!([{"id": "z", "title": "z"}, {"id": "a", "title": "x", "needs": ["b"]}, {"id": "b", "title": "y", "needs": ["a", "z"]}]);
    check(tasks(circle), plan, "the task a needs itself, directly or through others");
    check(tasks(json!(vec![json!({"title": "x"}); 21])), plan, "more than 20 tasks");
    check(
        tasks(json!(vec![json!({"title": "x", "text": "y".repeat(4000)}); 10])),
        plan,
        "make the tasks' texts shorter",
    );
    check(json!({"tasks": [{"title": "x"}], "confidence": "sky"}), plan, "`confidence` is a number");
    check(json!({"tasks": [{"title": "x"}], "confidence": 1000}), plan, "`confidence` is a number");
    check(
        json!({"tasks": [{"title": "x"}]}),
        "submit",
        "can't submit a `plan` in this role; kinds: proposal, question, answer, no_change",
    );
    check(json!({"title": "x", "summary": "y"}), "submit:answer", "can't submit a `proposal`");
}

#[test]
fn long_texts_are_cut_with_a_note() {
    let arguments = json!({"title": "t".repeat(1000), "summary": "ü".repeat(9000)}).to_string();
    let Ok(Submission::Proposal { title, summary }) = submit(&arguments, "submit") else {
        panic!("not taken")
    };
    assert!(title.len() <= 200 && title.ends_with("[… cut, 1,000 bytes in all]"), "{title}");
    assert!(summary.len() <= 4096 && summary.ends_with("[… cut, 18,000 bytes in all]"));
}
