//! What is said in a review of a pull request, or on a line of its diff.

use super::*;

#[test]
fn what_is_said_in_a_review_is_said_on_the_pull_request() {
    let heard = |event: &str, action: &str, changes: &[(&str, Value)]| match changed(event, action, changes) {
        Notice::Commented(comment) => *comment,
        other => panic!("{other:?}"),
    };
    let line = heard("pull_request_review_comment", "created", &[("/comment/body", json!("/quantum help"))]);
    let review = heard("pull_request_review", "submitted", &[("/review/body", json!("/quantum status"))]);
    for (comment, body) in [(&line, "/quantum help"), (&review, "/quantum status")] {
        assert_eq!((comment.on, comment.number, comment.body.as_str()), (On::Pull, 2, body));
        assert_eq!(comment.author, comment.sender);
        assert_eq!((comment.author.id, comment.thread_author), (21_031_067, 21_031_067));
        assert_eq!(comment.title, "Update the README with new information.");
    }
    // each form has numbers of its own
    assert_eq!(line.name(), format!("line-{}", line.id));
    assert_eq!(review.name(), format!("review-{}", review.id));
    assert_eq!(Comment { form: Form::Thread, ..line.clone() }.name(), line.id.to_string());
    assert_eq!(heard("pull_request_review", "submitted", &[]).body, "");
    let bot = [("/sender/type", json!("Bot"))];
    for (event, action) in [("pull_request_review", "submitted"), ("pull_request_review_comment", "created")]
    {
        assert_eq!(changed(event, action, &bot), Notice::Ignored(Ignore::BotSender));
        let without = kind(&changed(event, action, &[("/pull_request", Value::Null)]));
        assert!(without.starts_with("malformed: missing field `pull_request`"), "{without}");
        assert!(matches!(
            changed(event, action, &[("/action", json!("edited"))]),
            Notice::Ignored(Ignore::Edited)
        ));
    }
}
