//! What agents say is looked through for secrets before people see it: a text that holds one is not shown, and the thread
//! says what it looks like and what to do. Looked at as it was said, not as Markdown: marking up hides nothing from a reader.

use super::AppHands;
use crate::{
    engine::perform::protect,
    report::{Class, Report},
    run::comment::{self, Facts},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

impl AppHands {
    /// The same without texts that hold what looks like a secret; that there were some is noted with the facts.
    pub(super) fn shown<T: Serialize + DeserializeOwned>(
        &self,
        said: &T,
        facts: &mut Facts,
    ) -> Result<T, Report> {
        let mut value = serde_json::to_value(said).map_err(|cause| odd(&cause))?;
        let mut found = None;
        self.screen(&mut value, &mut found);
        facts.notes.extend(found.map(comment::not_shown));
        serde_json::from_value(value).map_err(|cause| odd(&cause))
    }

    fn screen(&self, value: &mut Value, found: &mut Option<&'static str>) {
        match value {
            Value::String(text) => {
                if let Some(what) = protect::looks_like(&self.parts.host_env, text.as_bytes()) {
                    *text = format!("[not shown: it holds what looks like {what}]");
                    *found = Some(what);
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|one| self.screen(one, found)),
            Value::Object(all) => all.values_mut().for_each(|one| self.screen(one, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn odd(cause: &serde_json::Error) -> Report {
    let hint = "report this with the log; nothing was posted";
    Report::new(Class::Broken, "not_screened", format!("a text can't be looked through: {cause}"), hint)
}
