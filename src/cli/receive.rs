//! `quantum receive`: one saved delivery. It is kept by the same door as the server's before anything else is done; then it is
//! taken in, it alone, and worked on. Whatever goes wrong on the way, whoever serves goes on with it.

use super::{
    Exit,
    args::ReceiveArgs,
    put, say,
    serve::{self, Wired},
    wiring::{self, Refusal},
};
use crate::{
    engine::app::Fate,
    ids::ContentHash,
    intent::notice::Us,
    limits::app as limits,
    report::{Class, Hint, Report},
    server,
    store::{Delivery, StoreError, Taken},
};

pub(super) async fn receive(args: ReceiveArgs) -> Exit {
    let received = async {
        let wired = serve::wire(args.config.as_deref()).await?;
        let body = std::fs::read(&args.file).map_err(|cause| {
            let message = format!("{} can't be read: {cause}", args.file.display());
            (
                Report::new(Class::Refused, "unreadable", message, "name the file of a saved delivery"),
                Exit::Usage,
            )
        })?;
        let id = args.id.unwrap_or_else(|| {
            let hash = ContentHash::of(&[args.event.as_bytes(), b"\n", &body].concat());
            format!("receive-{}", hash.as_str().get(..32).unwrap_or_default())
        });
        let taken = serve::door(&wired).receive(&id, &args.event, &body).await.map_err(refused)?;
        let told = serde_json::json!({"delivery": id, "state": server::word(taken)});
        put(&format!("{told}\n"));
        if taken == Taken::Ignored {
            say(
                "note: kept for audit only: no such event or action starts anything, or its author is a bot, or no command is in it",
            );
        }
        match hold(&wired, &id).await? {
            Some(delivery) => look_at(&wired, &delivery).await,
            None => Ok(()),
        }
    };
    serve::ended(received.await)
}

/// A saved delivery that the server would not take is wrong usage; that it can't be kept is ours.
fn refused(refusal: server::Refusal) -> Refusal {
    let is_wrong = matches!(refusal, server::Refusal::Odd(_) | server::Refusal::TooLarge);
    if !is_wrong {
        return wiring::failed(&refusal);
    }
    let hint = "FILE is the body of a delivery, a JSON object; --event is its X-GitHub-Event, like issue_comment; --id its \
                X-GitHub-Delivery: letters, digits and `-`";
    (Report::new(refusal.class(), refusal.code(), refusal.to_string(), hint), Exit::Usage)
}

fn failed(error: StoreError) -> Refusal {
    wiring::failed(&error)
}

/// Takes it in hand, so that a server beside us leaves it alone; None: it means nothing, or was taken in before.
async fn hold(wired: &Wired, id: &str) -> Result<Option<Delivery>, Refusal> {
    let (store, now) = (&wired.store, wired.clock.now());
    let held = store.hold_delivery(id, now, now.after(limits::RECEIVE_HELD)).await.map_err(failed)?;
    if held.is_some() {
        return Ok(held);
    }
    let Some(known) = store.delivery(id).await.map_err(failed)? else { return Ok(None) };
    match known.state.as_str() {
        "stored" => {
            let message = "it was put off before, or somebody has it in hand";
            Err(kept(Report::new(Class::Transient, "put_off", message, "try again in some minutes")))
        }
        "failed" => {
            let message = format!("it was given up before: {}", known.why.unwrap_or_default());
            let hint = "say the command again in a new comment, or give the file another --id";
            Err((Report::new(Class::Refused, "given_up", message, hint), Exit::Failed))
        }
        _ => Ok(None),
    }
}

/// Takes it in, and does what follows from it.
async fn look_at(wired: &Wired, delivery: &Delivery) -> Result<(), Refusal> {
    let known = match wired.github.app().await {
        Ok(known) => known,
        Err(error) => {
            // nobody looked at it yet: it is due as it was
            wired.store.delay_delivery(&delivery.id, wired.clock.now()).await.map_err(failed)?;
            return Err(kept(error.report()));
        }
    };
    let _ = wired.us.set(Us { app_id: known.id, slug: known.slug });
    let (app, ours) = (serve::app(wired)?, |report: Report| (report, Exit::Failed));
    match app.take_held(delivery).await.map_err(ours)? {
        Fate::TakenIn => {}
        Fate::PutOff(report) => return Err(kept(report)),
        Fate::GivenUp(report) => return Err(ours(report)),
    }
    app.drive_all().await.map_err(ours)?;
    app.write_statuses().await.map_err(ours)?;
    Ok(())
}

/// Why it is not taken in yet, and that nothing is lost by that.
fn kept(report: Report) -> Refusal {
    let hint = format!("{}; the delivery is kept: `quantum serve` goes on with it", report.hint);
    (Report { hint, ..report }, Exit::Failed)
}
