//! What real runners wrote, and what hostile ones may write.

use super::*;

/// `run` as a number, with `+` when it is only a lower bound.
#[track_caller]
fn check(output: &str, expected: Option<(&str, &[&str])>) {
    let found = count(output.as_bytes()).map(|counts| {
        let more = if counts.exact { "" } else { "+" };
        (format!("{}{more}", counts.run), counts.failing.into_iter().collect::<Vec<_>>())
    });
    let found = found.as_ref().map(|(run, names)| (run.as_str(), names.iter().map(String::as_str).collect()));
    assert_eq!(found, expected.map(|(run, names)| (run, names.to_vec())), "{output}");
}

#[test]
fn nobody_speaks() {
    for output in [
        "",
        "hello\n",
        "ERROR: could not connect\nFAIL: no such thing\nFAILED to open a file\n",
        "1) first do this\n2) then that\n",
        "ok then\nok, 3 of them\n12 passed by here\n",
        "> Task :compileJava\nBUILD SUCCESSFUL in 1s\n",
    ] {
        check(output, None);
    }
}

#[test]
fn rust() {
    check(
        "running 2 tests\ntest a ... ok\ntest b::c ... FAILED\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored;",
        Some(("2", &["b::c"])),
    );
    check(
        "test result: ok. 0 passed; 0 failed; 3 ignored;\ntest result: ok. 0 passed; 0 failed;",
        Some(("0", &[])),
    );
    check("test a ... FAILED\nSegmentation fault", Some(("1+", &["a"])));
    check(
        "     Summary [   0.1s] 42 tests run: 41 passed, 1 failed, 0 skipped\n        FAIL [   0.004s] demo tests::bad",
        Some(("42", &["demo tests::bad"])),
    );
    check(
        "  FAIL [   0.004s] (1/3) demo tests::bad\n  Summary [   0.1s] 2/3 tests run: 1 passed, 1 failed, 0 skipped",
        Some(("2", &["demo tests::bad"])),
    );
}

#[test]
fn python() {
    check("....\n4 passed in 0.12s", Some(("4", &[])));
    check("4 passed, 2 warnings in 65.12s (0:01:05)", Some(("4", &[])));
    check(
        "FAILED tests/test_a.py::test_b - assert 1 == 2\n===== 1 failed, 3 passed, 2 skipped in 0.12s =====",
        Some(("4", &["tests/test_a.py::test_b"])),
    );
    check(
        "ERROR tests/test_a.py\n!!! Interrupted: 1 error during collection !!!\n1 error in 0.12s",
        Some(("1", &["tests/test_a.py"])),
    );
    check(
        "FAILED a.py::t[b - c] - assert 0\nFAILED a.py::t[b - d]\n2 failed in 0.1s",
        Some(("2", &["a.py::t[b - c]", "a.py::t[b - d]"])),
    );
    check(
        "\u{1b}[31mFAILED\u{1b}[0m a.py::\u{1b}[1mb\u{1b}[0m - x\n\u{1b}[31m\u{1b}[31m\u{1b}[1m1 failed\u{1b}[0m, \u{1b}[32m1 passed\u{1b}[0m, \u{1b}[33m1 skipped\u{1b}[0m\u{1b}[31m in 0.16s\u{1b}[0m\u{1b}[0m",
        Some(("2", &["a.py::b"])),
    );
    check("no tests ran in 0.01s", Some(("0", &[])));
    check("3 skipped in 0.01s", Some(("0", &[])));
    check("2 deselected in 0.01s", Some(("0", &[])));
    check(
        "FAIL: test_x (tests.A.test_x)\nRan 3 tests in 0.001s\n\nFAILED (failures=1)",
        Some(("3", &["test_x (tests.A.test_x)"])),
    );
    check("Ran 0 tests in 0.000s\n\nOK", Some(("0", &[])));
    check("Ran 3 tests in 0.000s\n\nOK (skipped=3)", Some(("0", &[])));
}

#[test]
fn node() {
    check(
        "TAP version 13\nnot ok 1 - adds\nok 2 - subs\n1..2\n# tests 2\n# pass 1\n# fail 1\n# skipped 0",
        Some(("2", &["adds"])),
    );
    check(
        "✔ a (1.2ms)\n✖ b (0.5ms)\nℹ tests 7\nℹ pass 6\nℹ skipped 1\n✖ failing tests:\n✖ b (0.6ms)",
        Some(("6", &["b"])),
    );
    check("1..0\n# tests 0\n# pass 0", Some(("0", &[])));
    check(
        "FAIL src/a.test.js (5.1 s)\n  ● Math › adds\n\n    expect\n\nTests:       1 failed, 3 passed, 4 total",
        Some(("4", &["Math › adds", "src/a.test.js"])),
    );
    check("No tests found, exiting with code 0", Some(("0", &[])));
    check("Test Suites: 1 skipped, 0 of 1 total\nTests:       1 skipped, 1 total", Some(("0", &[])));
    check(
        "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[33m1 skipped\u{1b}[39m\u{1b}[90m (1)\u{1b}[39m",
        Some(("0", &[])),
    );
    check(
        "TAP version 13\nok 1 - s # SKIP\n1..1\n# tests 1\n# pass 0\n# fail 0\n# skipped 1",
        Some(("0", &[])),
    );
    check("  x\n    - pending\n\n  0 passing (14ms)\n  1 pending", Some(("0", &[])));
    check(
        " FAIL  src/a.test.ts > math > adds\n   × adds 5ms\n Test Files  1 failed (1)\n      Tests  1 failed | 3 passed (4)",
        Some(("4", &["adds", "src/a.test.ts > math > adds"])),
    );
    check(
        "\u{1b}[32m  3 passing\u{1b}[0m (5ms)\n  1 failing\n\n  1) Math\n       adds:\n     Error",
        Some(("4", &["Math adds"])),
    );
    // the same test in another suite is another test
    check(
        "  math\n    ✔ adds\n    1) bad\n    deep\n      2) bad\n\n\n  1 passing (4ms)\n  1 pending\n  2 failing\n\n  1) math\n       bad:\n\n      AssertionError\n\n  2) math\n       deep\n         bad:\n\n      AssertionError",
        Some(("3", &["bad", "math bad", "math deep bad"])),
    );
    check("  1 failing\n\n  1) a\n b\n c\n d\n e\n f\n g\n h\n i\n j:\n", Some(("1", &[])));
    check("  ✔ a\n  ✘ [fail]: b\n  1 test failed\n  2 tests passed", Some(("3", &["b"])));
    check("  Total:     3\n  Passed:    3\n  Skipped:   0", Some(("3", &[])));
    check(
        "(pass) a [0.1ms]\n(fail) math > b [0.20ms]\n 1 pass\n 1 fail\nRan 2 tests across 1 file. [5.00ms]",
        Some(("2", &["math > b"])),
    );
    check("ok | 3 passed | 1 failed (5ms)", Some(("4", &[])));
    check("  3 passed (5.1s)", Some(("3", &[])));
    check("Asserts:  3 pass  1 fail  4 of 4 complete", Some(("4", &[])));
}

#[test]
fn go() {
    check("ok  \texample.com/a\t0.003s\n?   \texample.com/b\t[no test files]", Some(("1+", &[])));
    check("?   \texample.com/b\t[no test files]", Some(("0", &[])));
    check("ok  \texample.com/a\t0.003s [no tests to run]", Some(("0", &[])));
    check(
        "--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\nFAIL\nFAIL\texample.com/a\t0.003s\nFAIL",
        Some(("3+", &["TestA", "TestA/b", "example.com/a"])),
    );
    check("FAIL\texample.com/a [build failed]", Some(("1+", &["example.com/a"])));
    check(
        "{\"Time\":\"x\",\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"TestA\"}\n{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"TestA\"}\n{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"TestB\"}\n{\"Action\":\"fail\",\"Package\":\"p\"}",
        Some(("2", &["p", "p TestA"])),
    );
}

#[test]
fn java() {
    check(
        "[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 0.1 s -- in A\n[INFO] Results:\n[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 1",
        Some(("4", &[])),
    );
    check(
        "[ERROR] Tests run: 1, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! -- in a.B\n[ERROR] a.B.adds -- Time elapsed: 0.01 s <<< FAILURE!",
        Some(("1", &["a.B.adds"])),
    );
    check("[INFO] No tests to run.", Some(("0", &[])));
    check("> Task :test\n\nBUILD SUCCESSFUL in 1s", Some(("1+", &[])));
    check("> Task :test NO-SOURCE\n\nBUILD SUCCESSFUL in 1s", Some(("0", &[])));
    check(
        "> Task :test FAILED\n\nATest > adds() FAILED\n    why\n\n3 tests completed, 1 failed",
        Some(("3+", &["ATest > adds()"])),
    );
    check("Passed!  - Failed:     0, Passed:     3, Skipped:     0, Total:     3", Some(("3", &[])));
}

#[test]
fn others() {
    check("ok 1 - a\nnot ok 2 - b\nok 3 # SKIP no net\n    ok 1 - inner\n1..3", Some(("2", &["b"])));
    check("80% tests passed, 1 tests failed out of 5\n\t  3 - sums (Failed)", Some(("5", &["sums"])));
    check(
        "[  FAILED  ] Sum.Adds (0 ms)\n[==========] 3 tests from 1 test suite ran. (0 ms total)\n[  FAILED  ] 1 test, listed below:",
        Some(("3", &["Sum.Adds"])),
    );
    check("# TOTAL: 3\n# PASS:  3", Some(("3", &[])));
    check("100%: Checks: 3, Failures: 0, Errors: 0", Some(("3", &[])));
    check("Files=1, Tests=3,  0 wallclock secs", Some(("3", &[])));
    check("OK (3 tests, 5 assertions)", Some(("3", &[])));
    check("1) A\\BTest::adds\nTests: 3, Assertions: 5, Failures: 1.", Some(("3", &["A\\BTest::adds"])));
    check(
        "3 examples, 1 failure\n\nrspec ./spec/a_spec.rb:3 # A adds",
        Some(("3", &["spec/a_spec.rb:3 # A adds"])),
    );
    check("3 runs, 5 assertions, 0 failures, 0 errors, 0 skips", Some(("3", &[])));
    check("1 doctest, 3 tests, 0 failures", Some(("4", &[])));
    check("3 successes / 0 failures / 0 errors / 0 pending : 0.1 seconds", Some(("3", &[])));
}

#[test]
fn several_runners_add_up() {
    check("test result: ok. 2 passed; 0 failed;\n3 passed in 0.1s", Some(("5", &[])));
}

#[test]
fn times_are_no_part_of_a_name() {
    for (name, expected) in [
        ("adds (5 ms)", "adds"),
        ("adds (5.1ms)", "adds"),
        ("adds 5ms", "adds"),
        ("adds [0.1ms]", "adds"),
        ("adds in 5 steps", "adds in 5 steps"),
        ("adds (slowly)", "adds (slowly)"),
        ("adds s", "adds s"),
        ("", ""),
    ] {
        assert_eq!(timeless(name), expected, "{name:?}");
    }
}

#[test]
fn hostile_output_is_bounded() {
    let flood = "test x ... FAILED\n".repeat(1_000)
        + &(0..10_000).map(|n| format!("test t{n} ... FAILED\n{n}) n{n}\n")).collect::<String>()
        + "3 failing\n";
    let found = count(flood.as_bytes()).unwrap();
    assert!(found.failing.len() <= limits::FAILING);
    let long = format!("test {} ... FAILED\n", "x".repeat(1 << 20));
    assert!(count(long.as_bytes()).unwrap().failing.iter().all(|name| name.len() <= limits::NAME_CHARS));
    assert_eq!(count(&vec![0xff; 1 << 20]), None);
    assert_eq!(count("a\r".repeat(1 << 18).as_bytes()), None);
    assert_eq!(count("\u{1b}[".repeat(1 << 18).as_bytes()), None);
    assert_eq!(count(b"test result: ok. 99999999999999999999 passed; 0 failed").unwrap().run, 0);
    let most = format!("Ran {0} tests in 1s\nRan {0} tests in 1s\n", u32::MAX);
    assert_eq!(count(most.as_bytes()).unwrap().run, u32::MAX);
    for word in [" (", "● ", "{\"Action\":", "ok 1 # ", "FAIL ", "1) ", "Tests:  ", "> Task :test "] {
        let _ = count(word.repeat(1 << 16).as_bytes());
    }
}
