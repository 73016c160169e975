//! A change is sent once, whatever comes back; what comes back is told apart.

use super::*;
use quantumlayer::{
    github::{Lost, NewPull},
    ids::Sha,
    report::{Class, Hint},
};
use tokio::io::AsyncReadExt;

const COMMENT: &str = "POST /repos/o/n/issues/5/comments";

#[tokio::test]
async fn a_change_is_sent_once() {
    let check = async |name: &str, answer: Play, expected: &str, class: Class| {
        let stage = Stage::new(&[(COMMENT, &[answer, commented()])]).await;
        let error = stage.desk().comment(5, "hi").await.unwrap_err();
        assert_eq!((variant(&error).as_str(), error.class()), (expected, class), "{name}: {error:?}");
        assert_eq!(stage.count(COMMENT), 1, "{name}: {:?}", stage.lines());
        assert!(!error.hint().is_empty() && error.code().starts_with("github_"), "{name}");
    };
    for status in [408, 500, 502, 503, 504, 520] {
        check("5xx", said(status, "x"), "Ambiguous", Class::Transient).await;
    }
    check("a cut answer", commented().cut(), "Ambiguous", Class::Transient).await;
    check("a page", play(201, Value::Null).text("<html>"), "Ambiguous", Class::Transient).await;
    check("no id", play(201, json!({})), "Ambiguous", Class::Transient).await;
    check("no body", play(201, json!({})).text(""), "Ambiguous", Class::Transient).await;
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = said(status, "moved").header("location", "/api/v3/elsewhere");
        check("a redirect", elsewhere, "Missing", Class::Refused).await;
    }
    check("404", said(404, "Not Found"), "Missing", Class::Refused).await;
    check("410", said(410, "This issue was deleted"), "Missing", Class::Refused).await;
    check("401", said(401, "Bad credentials"), "Stale", Class::Transient).await;
    check("403", said(403, "Resource not accessible by integration"), "Refused", Class::Refused).await;
    check("409", said(409, "Git Repository is empty."), "Refused", Class::Refused).await;
    check("422", said(422, "Validation Failed"), "Refused", Class::Refused).await;
    check("a cut refusal", said(403, "no").cut(), "Refused", Class::Refused).await;
    check("429", said(429, "no"), "Limited", Class::Transient).await;
}

#[tokio::test]
async fn nobody_there_means_that_nothing_left() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for api_url in [format!("http://{gone}"), "http://nowhere.invalid/api/v3".to_owned()] {
        let settings = GitHubSettings { api_url, app_id: APP, key: key("pkcs8") };
        let github = GitHub::new(settings, Clock::manual(NOW)).unwrap();
        let error = github.redeliver(1).await.unwrap_err();
        assert!(matches!(&error, GitHubError::Network { .. }), "{error:?}");
        assert_eq!(github.statuses(), [(0, 1)].into());
        assert!(error.hint().contains("QUANTUM_GITHUB_API_URL"));
    }
}

#[tokio::test]
async fn a_connection_that_hangs_up_is_ambiguous_for_a_change() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_url = format!("http://{}", listener.local_addr().unwrap());
    let settings = GitHubSettings { api_url, app_id: APP, key: key("pkcs1") };
    let github = GitHub::new(settings, Clock::manual(NOW)).unwrap();
    let hang_up = async |times: usize| {
        for _ in 0..times {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
        }
    };
    let (change, ()) = tokio::join!(github.redeliver(1), hang_up(1));
    assert_eq!(variant(&change.unwrap_err()), "Ambiguous");
    let (read, ()) = tokio::join!(github.app(), hang_up(2));
    assert_eq!(variant(&read.unwrap_err()), "Network");
}

#[tokio::test]
async fn refusals_that_have_a_meaning_have_a_name() {
    let sha = Sha::new("a".repeat(40));
    let new = NewPull {
        title: "T".to_owned(),
        head: "quantum/x".to_owned(),
        base: "main".to_owned(),
        body: String::new(),
        draft: true,
    };
    let stage = Stage::new(&[("POST /repos/o/n/git/refs", &[said(422, "Reference already exists")])]).await;
    let error = stage.desk().create_ref("quantum/x", &sha).await.unwrap_err();
    assert_eq!(error, GitHubError::Exists { what: "make a branch" });
    let aside = said(422, "Update is not a fast forward");
    let stage = Stage::new(&[("PATCH /repos/o/n/git/refs/heads/quantum/x", &[aside])]).await;
    assert_eq!(stage.desk().update_ref("quantum/x", &sha).await, Err(GitHubError::NotForward));
    let exists = json!({"message": "Validation Failed", "errors": [{"code": "custom", "message": "A pull request already exists for o:quantum/x."}]});
    let pulls = [said(422, "Draft pull requests are not supported in this repository."), play(422, exists)];
    let stage = Stage::new(&[("POST /repos/o/n/pulls", &pulls)]).await;
    let desk = stage.desk();
    assert_eq!(desk.create_pull(&new).await, Err(GitHubError::NoDrafts));
    stage.wait(2);
    assert_eq!(variant(&desk.create_pull(&new).await.unwrap_err()), "Exists");
    // the words alone are not enough
    let stage = Stage::new(&[(COMMENT, &[said(403, "it already exists as a draft")])]).await;
    assert_eq!(variant(&stage.desk().comment(5, "x").await.unwrap_err()), "Refused");
}

#[tokio::test]
async fn refusals_that_mean_a_loss_are_one() {
    let check = async |message: &str, names: Option<(&str, &str)>, expected: GitHubError| {
        let stage = Stage::new(&[(COMMENT, &[said(201, "x"), said(403, message)])]).await;
        let desk = stage.desk();
        // the token was made while all was well
        let _ = desk.comment(5, "x").await;
        stage.wait(2);
        stage.rename(names);
        assert_eq!(desk.comment(5, "x").await, Err(expected), "{message}");
    };
    let here = Some(("o", "n"));
    check("This installation has been suspended", here, GitHubError::Gone(Lost::Suspended)).await;
    check("Repository was archived so is read-only.", here, GitHubError::Gone(Lost::Archived)).await;
    let foreign = "Resource not accessible by integration";
    check(foreign, None, GitHubError::Gone(Lost::Repository)).await;
    let (what, status, message) = ("write a comment", 403, foreign.to_owned());
    check(foreign, here, GitHubError::Refused { what, status, message }).await;
}

#[tokio::test]
async fn names_that_walk_are_not_sent() {
    let stage = Stage::new(&[]).await;
    let (desk, sha) = (stage.desk(), Sha::new("a".repeat(40)));
    for name in ["..", ".", "", "a\nb", "a/../../issues", "a//b"] {
        assert_eq!(variant(&desk.update_ref(name, &sha).await.unwrap_err()), "Odd", "{name:?}");
    }
    for login in ["..", ".", "", "a\nb"] {
        assert_eq!(variant(&desk.is_collaborator(login).await.unwrap_err()), "Odd", "{login:?}");
    }
    assert_eq!(stage.lines(), [MINT, MINT], "only the two tokens");
}
