//! A file of a branch, for what the repository says about itself.

use super::Desk;
use crate::github::{GitHubError, Need, ask::Ask};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: String,
    size: u64,
    #[serde(default)]
    content: String,
    #[serde(default)]
    encoding: String,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSeen {
    /// Nothing.
    None,
    /// A file.
    File(Vec<u8>),
    /// A file that is larger than was asked for.
    TooLarge,
    /// A folder, a link, a submodule.
    Other,
}

impl Desk {
    /// What a branch has at this path, at most `max_bytes` of it (GitHub gives at most 1 MB).
    pub async fn file(&self, branch: &str, path: &str, max_bytes: usize) -> Result<FileSeen, GitHubError> {
        let parts: Vec<&str> = std::iter::once("contents").chain(path.split('/')).collect();
        let ask =
            Ask::get("read a file", &parts).query("ref", format!("refs/heads/{branch}")).optional().kept();
        let Some(answer) = self.if_any(Need::Talk, ask.clone()).await? else { return Ok(FileSeen::None) };
        // a folder is answered with a list
        let Ok(told) = ask.read::<Told>(&answer) else { return Ok(FileSeen::Other) };
        if told.kind != "file" {
            return Ok(FileSeen::Other);
        }
        if told.size > max_bytes as u64 {
            return Ok(FileSeen::TooLarge);
        }
        if told.encoding != "base64" {
            return Err(ask.odd("a file that is not in base64"));
        }
        let text: String = told.content.split_whitespace().collect();
        STANDARD.decode(text).map(FileSeen::File).map_err(|_| ask.odd("a file that is no base64"))
    }
}
