//! A repository is its id: its names are looked up again, and another repository under its name is not it.

use super::*;
use quantumlayer::{
    github::{Lost, Repository},
    ids::Sha,
    intent::{
        notice::{Account, AccountKind},
        policy::Permission,
    },
};

fn moved() -> Play {
    said(301, "Moved Permanently").header("location", "/api/v3/repositories/1296269/somewhere")
}

fn none() -> Play {
    said(404, "Not Found")
}

fn told(id: u64, owner: &str, name: &str) -> Play {
    let mut body = listed(id, owner, name);
    body["default_branch"] = "main".into();
    body["archived"] = true.into();
    play(200, body)
}

fn ours(owner: &str, name: &str) -> Repository {
    Repository {
        id: REPO,
        owner: owner.to_owned(),
        name: name.to_owned(),
        default_branch: "main".to_owned(),
        is_private: true,
        is_archived: true,
    }
}

#[tokio::test]
async fn a_token_tells_the_names() {
    // the names that we were given are old: no call is made by them
    let stage = Stage::new(&[("GET /repos/new/names", &[told(REPO, "new", "names")])]).await;
    stage.rename(Some(("new", "names")));
    let desk = stage.desk();
    assert_eq!(desk.repository().await, Ok(ours("new", "names")));
    assert_eq!(desk.repo(), RepoRef { is_private: true, ..repo("new", "names") });
    assert_eq!(stage.lines(), [MINT, "GET /repos/new/names"]);
}

#[tokio::test]
async fn a_read_follows_a_rename() {
    let answers = [told(REPO, "o", "n"), moved()];
    let stage =
        Stage::new(&[("GET /repos/o/n", &answers), ("GET /repos/o/m", &[told(REPO, "o", "m")])]).await;
    let desk = stage.desk();
    assert_eq!(desk.repository().await, Ok(ours("o", "n")));
    stage.rename(Some(("o", "m")));
    assert_eq!(desk.repository().await, Ok(ours("o", "m")));
    assert_eq!(stage.lines()[2..], ["GET /repos/o/n", FIND, "GET /repos/o/m"]);
}

#[tokio::test]
async fn a_change_is_not_done_again_under_the_new_name() {
    const OLD: &str = "POST /repos/o/n/issues/5/comments";
    const NEW: &str = "POST /repos/o/m/issues/5/comments";
    for answer in [moved(), none()] {
        let stage = Stage::new(&[(OLD, &[commented(), answer]), (NEW, &[commented()])]).await;
        let desk = stage.desk();
        desk.comment(5, "a").await.unwrap();
        stage.rename(Some(("o", "m")));
        stage.wait(2);
        // its new name comes with the token that the look-up needs
        assert_eq!(variant(&desk.comment(5, "b").await.unwrap_err()), "Renamed");
        assert_eq!((stage.count(OLD), stage.count(NEW)), (2, 0));
        stage.wait(2);
        assert_eq!(desk.comment(5, "b").await, Ok(99));
        assert_eq!((stage.count(OLD), stage.count(NEW)), (2, 1));
    }
}

#[tokio::test]
async fn another_repository_under_the_name_is_not_ours() {
    let answers = [told(REPO, "o", "n"), told(666, "o", "n")];
    let stage =
        Stage::new(&[("GET /repos/o/n", &answers), ("GET /repos/p/n", &[told(REPO, "p", "n")])]).await;
    let desk = stage.desk();
    desk.repository().await.unwrap();
    stage.rename(Some(("p", "n")));
    assert_eq!(desk.repository().await, Ok(ours("p", "n")));
    // GitHub contradicts itself
    let stage = Stage::new(&[("GET /repos/o/n", &[told(666, "o", "n")])]).await;
    assert_eq!(variant(&stage.desk().repository().await.unwrap_err()), "Odd");
}

#[tokio::test]
async fn what_is_gone_is_told_from_what_is_missing() {
    let check = async |answer: Play, names: Option<(&str, &str)>, expected: GitHubError| {
        let stage = Stage::new(&[("POST /repos/o/n/issues/5/comments", &[commented(), answer])]).await;
        let desk = stage.desk();
        desk.comment(5, "a").await.unwrap();
        stage.rename(names);
        stage.wait(2);
        assert_eq!(desk.comment(5, "b").await, Err(expected));
    };
    let gone = || GitHubError::Gone(Lost::Repository);
    let missing = || GitHubError::Missing { what: "write a comment" };
    let deleted = || said(410, "This issue was deleted");
    for answer in [none(), deleted(), moved()] {
        check(answer.clone(), None, gone()).await;
        check(answer, Some(("o", "n")), missing()).await;
    }
}

#[tokio::test]
async fn that_there_is_none_is_believed_while_the_names_are_fresh() {
    const BRANCH: &str = "GET /repos/o/n/git/ref/heads/quantum/x";
    let stage = Stage::new(&[(BRANCH, &[none()])]).await;
    let desk = stage.desk();
    assert_eq!(desk.git_ref("quantum/x").await, Ok(None));
    assert_eq!(stage.lines(), [MINT, BRANCH]);
    stage.wait(5 * 60);
    assert_eq!(desk.git_ref("quantum/x").await, Ok(None));
    assert_eq!(stage.lines()[2..], [BRANCH, MINT, FIND]);
    stage.wait(5 * 60);
    stage.rename(None);
    assert_eq!(desk.git_ref("quantum/x").await, Err(GitHubError::Gone(Lost::Repository)));
    // a repository without a commit, and a branch that is another one
    let sha = "a".repeat(40);
    let head = |name: &str| play(200, json!({"ref": format!("refs/heads/{name}"), "object": {"sha": sha}}));
    let answers = [said(409, "Git Repository is empty."), head("quantum/xy"), head("quantum/x")];
    let stage = Stage::new(&[(BRANCH, &answers)]).await;
    let desk = stage.desk();
    assert_eq!(desk.git_ref("quantum/x").await, Ok(None));
    assert_eq!(variant(&desk.git_ref("quantum/x").await.unwrap_err()), "Odd");
    assert_eq!(desk.git_ref("quantum/x").await, Ok(Some(Sha::new(sha))));
}

#[tokio::test]
async fn a_permission_is_an_account_s_not_a_name_s() {
    let ann = Account { id: 3, login: "ann".to_owned(), kind: AccountKind::User };
    let role = |permission: &str, id: u64| {
        let user = json!({"id": id, "login": "ann"});
        play(200, json!({"permission": permission, "role_name": "maintain", "user": user}))
    };
    let check = async |answer: Play, expected: Result<Permission, &str>| {
        let stage = Stage::new(&[("GET /repos/o/n/collaborators/ann/permission", &[answer])]).await;
        let result = stage.desk().permission(&ann).await.map_err(|error| variant(&error));
        assert_eq!(result, expected.map_err(str::to_owned));
    };
    check(role("write", 3), Ok(Permission::Maintain)).await;
    check(role("write", 4), Ok(Permission::None)).await;
    check(none(), Ok(Permission::None)).await;
    check(play(200, json!({"permission": "admin", "role_name": "admin", "user": null})), Err("Odd")).await;
    check(role("super", 3), Err("Odd")).await;
    check(role("write", 3).cut(), Err("Network")).await;
    check(role("write", 3).text("{\"permission\": \"admin\""), Err("Odd")).await;
    check(said(500, ""), Err("Network")).await;
    check(said(403, "no"), Err("Refused")).await;
    check(said(429, "no"), Err("Limited")).await;
}

#[tokio::test]
async fn collaborators_are_told_from_others() {
    const ANN: &str = "GET /repos/o/n/collaborators/ann";
    for (answer, expected) in [(play(204, Value::Null).text(""), true), (none(), false)] {
        let stage = Stage::new(&[(ANN, &[answer])]).await;
        assert_eq!(stage.desk().is_collaborator("ann").await, Ok(expected));
    }
}
