//! Every command, by those who may and those who may not.

use super::{Town, good};

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_met_with_silence_and_collaborators_with_a_sentence() {
    let town = Town::new(&good()).await;
    let number = town.issue();
    town.say(number, town.usual.eve, "/quantum build").await;
    town.say(number, town.usual.rita, "/quantum build").await;
    town.say(number, town.usual.rita, "/quantum build please").await;
    town.say(number, town.usual.ada, "/quantum biuld").await;
    town.say(number, town.usual.ada, "/quantum help").await;
    town.say(number, town.usual.ada, "/quantum status").await;
    town.say(number, town.usual.ada, "> /quantum build\n\nnothing").await;
    insta::assert_snapshot!(town.thread(number));
}
