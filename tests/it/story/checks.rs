//! What is said when a change touches the checks, or when nothing names what fails: never more than was seen.

use super::{Desk, good, one_task, shell, submit, write};
use serde_json::{Value, json};

/// The run's outcome, whether it is verified, and its notes.
fn told(desk: &Desk, lines: &[Value]) -> (String, bool, String) {
    let told = desk.run(lines, &[]);
    let document = told.document();
    let outcome = document["outcome"].as_str().unwrap().to_owned();
    (outcome, document["verified"] == json!(true), document["notes"].to_string())
}

/// One task whose coder runs this.
fn change(command: &str) -> Vec<Value> {
    vec![one_task(), shell("coder", command), submit("coder", "Change the checks")]
}

#[test]
fn a_change_that_takes_a_check_away_is_not_verified() {
    let desk = Desk::new();
    let (outcome, verified, notes) = told(&desk, &change("rm Makefile && echo good > value"));
    assert_eq!((outcome.as_str(), verified), ("unverified", false));
    assert!(notes.contains("takes away what checks the base commit: `make test`"), "{notes}");
}

#[test]
fn fewer_tests_than_on_the_base_are_said() {
    let desk = Desk::new();
    desk.write("tests/a.sh", "true\n");
    desk.commit("check.sh", "echo 'test result: ok. 5 passed; 0 failed'\n");
    let weaker = "echo \"echo 'test result: ok. 1 passed; 0 failed'\" > check.sh && rm tests/a.sh";
    let (outcome, verified, notes) = told(&desk, &change(weaker));
    assert_eq!((outcome.as_str(), verified), ("proposed", true));
    assert!(notes.contains("the change removes tests/a.sh"), "{notes}");
    assert!(notes.contains("tests that `make test` ran: 1 on the change, 5 on the base commit"), "{notes}");
}

#[test]
fn a_check_that_is_emptied_verifies_nothing() {
    let desk = Desk::new();
    let (outcome, verified, notes) = told(&desk, &change("printf 'test:\\n\\ttrue\\n' > Makefile"));
    assert_eq!((outcome.as_str(), verified), ("unverified", false));
    assert!(notes.contains("the change edits what decides which tests run: Makefile"), "{notes}");
    assert!(notes.contains("nothing in its output tells that tests ran"), "{notes}");
}

#[test]
fn a_failure_that_nothing_names_is_old_only_when_it_complains_of_nothing_new() {
    let desk = Desk::new();
    desk.write(".github/quantum.yml", "fix: { max_attempts: 0 }\n");
    desk.commit("check.sh", "echo \"wrong: $(cat value)\"; exit 3\n");
    let (outcome, verified, notes) =
        told(&desk, &[one_task(), write("coder", "other", "x\n"), submit("coder", "Another file")]);
    assert_eq!((outcome.as_str(), verified), ("unverified", false));
    assert!(notes.contains("whether the change adds to that can't be told"), "{notes}");
    let (outcome, verified, _) = told(&desk, &good());
    assert_eq!((outcome.as_str(), verified), ("failed", false));
}

#[test]
fn a_check_that_the_change_says_anew_proves_nothing() {
    let says = r"test :\n\t@echo test result: ok. 1 passed\n";
    let check = |makefile: &str, change_it: &str| {
        let desk = Desk::new();
        desk.commit("Makefile", makefile);
        let (outcome, verified, notes) = told(&desk, &change(change_it));
        assert_eq!((outcome.as_str(), verified), ("unverified", false), "{change_it}: {notes}");
        assert!(notes.contains("the change itself says anew what `make test` runs"), "{notes}");
    };
    check("test : \n\tsh ./check.sh\n", &format!("printf '{says}' > Makefile"));
    // make reads this one first
    check("test:\n\t@sh ./check.sh\n", &format!("printf '{says}' > GNUmakefile"));
    check("test:\n\t@sh ./check.sh\n", &format!("printf '{says}' > makefile"));
}

#[test]
fn a_test_script_that_the_change_says_anew_proves_nothing() {
    let desk = Desk::empty();
    desk.commit("package.json", r#"{"scripts":{"test":"grep -q good value && echo 1 passing"}}"#);
    let anew = r#"echo '{"scripts":{"test":"echo 1 passing"}}' > package.json"#;
    let (outcome, verified, notes) = told(&desk, &change(anew));
    assert_eq!((outcome.as_str(), verified), ("unverified", false), "{notes}");
    assert!(notes.contains("the change itself says anew what `npm test` runs"), "{notes}");
}

#[test]
fn tests_taken_out_of_a_file_are_said() {
    let desk = Desk::new();
    desk.commit("tests/test_two.sh", "one\ntwo\nthree\n");
    let lines = [
        one_task(),
        write("coder", "value", "good\n"),
        write("coder", "tests/test_two.sh", "one\n"),
        submit("coder", "Make it good"),
    ];
    let document = desk.run(&lines, &[]).document();
    let notes = document["notes"].to_string();
    assert!(notes.contains("takes out or rewrites lines of tests/test_two.sh (2 lines)"), "{document:#}");
}
