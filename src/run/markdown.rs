//! Somebody else's Markdown, rebuilt from an allow-list before it leaves in our name (security case S-37).
//!
//! What stays: paragraphs, lists, quotes, tables, code, emphasis, links into the same repository's files. What does not:
//! images and other links (shown as code, so nothing is fetched), HTML, headings (bold: the sections are ours), and every
//! word that GitHub or another bot would act on (`@name`, `#12`, `/approve`): shown as code, which nobody acts on.
//!
//! Total: any text gives something that can stand inside a comment of ours and ends where it ends.

mod blocks;
mod words;

use crate::{
    intent::{
        cut::is_hidden,
        prose::{self, code},
    },
    limits::intent::{MARKDOWN_CHARS, NESTING},
};
pub(crate) use blocks::{fenced, quoted};
use blocks::{joined, language, table};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Parser, Tag, TagEnd};
pub use words::{plain, plain_line};

/// Parts of a repository that a link may lead to: links to issues and pull requests are references, which do something.
const LINKED: &[&str] = &["/blob/", "/tree/", "/commit/", "/actions/"];

/// Somebody else's text as Markdown that does nothing. `repo_url` is the repository's own address; empty: no link stays.
pub fn defused(text: &str, repo_url: &str) -> String {
    let text: String = text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_unshown(*c)).collect();
    let text = cut_middle(&text, MARKDOWN_CHARS);
    let mut page = Page::new(repo_url);
    for event in Parser::new_ext(&text, prose::options()) {
        page.take(event);
    }
    page.end()
}

/// How long a text is for GitHub: in UTF-16 units, which are never fewer than characters.
pub fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// `text` with its middle left out, at most `max` long and the note that says so; as it is when it fits.
pub fn cut_middle(text: &str, max: usize) -> String {
    let all = length(text);
    if all <= max {
        return text.to_owned();
    }
    let head = fitting(text.chars(), max - max / 2);
    let tail = fitting(text.chars().rev(), max / 2);
    let (head, tail) = (&text[..head], &text[text.len() - tail..]);
    let left_out = all - length(head) - length(tail);
    format!("{}\n\n[… {left_out} characters left out here …]\n\n{}", head.trim_end(), tail.trim_start())
}

/// Bytes of the first characters that are at most `max` long together.
fn fitting(chars: impl Iterator<Item = char>, max: usize) -> usize {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.len_utf16();
            used <= max
        })
        .map(char::len_utf8)
        .sum()
}

fn is_unshown(c: char) -> bool {
    c.is_control() || is_hidden(c)
}

/// A page being rebuilt: finished blocks, and the line that is being read.
struct Page<'a> {
    repo_url: &'a str,
    /// The page itself, then containers in containers.
    frames: Vec<Frame>,
    /// Containers that are not kept, for their depth.
    flattened: usize,
    line: Vec<Piece>,
    /// What ends each open link.
    links: Vec<String>,
    /// A code or HTML block's text, and its language.
    verbatim: Option<(String, String)>,
    /// A table's rows.
    rows: Vec<Vec<String>>,
    is_table: bool,
    is_heading: bool,
}

/// A container and its finished blocks.
struct Frame {
    kind: Kind,
    blocks: Vec<String>,
}

#[derive(PartialEq, Eq)]
enum Kind {
    Page,
    Quote,
    /// The number of the next item; None: bullets.
    List(Option<u64>),
    Item,
}

/// A part of a line.
enum Piece {
    /// Somebody's words.
    Words(String),
    /// Markdown that we made.
    Made(String),
    Break,
}

impl<'a> Page<'a> {
    fn new(repo_url: &'a str) -> Self {
        Self {
            repo_url,
            frames: vec![Frame { kind: Kind::Page, blocks: Vec::new() }],
            flattened: 0,
            line: Vec::new(),
            links: Vec::new(),
            verbatim: None,
            rows: Vec::new(),
            is_table: false,
            is_heading: false,
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.finish(tag),
            Event::Text(text) => self.words(&text),
            Event::Code(text) => self.code(&text),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.code(&text),
            Event::Html(html) => self.words(&html),
            // a comment is dropped: the words around it become neighbours, and are looked at as such
            Event::InlineHtml(html) if html.starts_with("<!--") => {}
            Event::InlineHtml(html) => self.code(&html),
            Event::FootnoteReference(name) => self.words(&name),
            Event::SoftBreak | Event::HardBreak if self.is_heading || self.is_table => self.words(" "),
            Event::SoftBreak | Event::HardBreak => self.line.push(Piece::Break),
            Event::Rule => self.flush(),
            Event::TaskListMarker(is_done) => self.made(if is_done { "[x] " } else { "[ ] " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::BlockQuote(_) => self.open(Kind::Quote),
            Tag::List(first) => self.open(Kind::List(first)),
            Tag::Item => self.open(Kind::Item),
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => language(&info),
                    CodeBlockKind::Indented => String::new(),
                };
                self.verbatim = Some((String::new(), language));
            }
            Tag::HtmlBlock => {
                self.flush();
                self.verbatim = Some((String::new(), String::new()));
            }
            Tag::Heading { .. } => {
                self.flush();
                self.is_heading = true;
            }
            Tag::Table(_) => {
                self.flush();
                self.is_table = true;
            }
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            Tag::Emphasis => self.made("*"),
            Tag::Strong if !self.is_heading => self.made("**"),
            Tag::Strikethrough => self.made("~~"),
            Tag::Link { link_type, dest_url, .. } => self.link(link_type, &dest_url),
            Tag::Image { dest_url, .. } => self.links.push(self.shown(" (image ", &dest_url)),
            Tag::TableCell | Tag::Strong | Tag::Superscript | Tag::Subscript => {}
            Tag::Paragraph
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => self.flush(),
        }
    }

    fn finish(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => self.close(),
            TagEnd::CodeBlock => self.close_verbatim(false),
            TagEnd::HtmlBlock => self.close_verbatim(true),
            TagEnd::Heading(_) => {
                let text = self.read_line();
                self.is_heading = false;
                self.block(if text.is_empty() { text } else { format!("**{text}**") });
            }
            TagEnd::TableCell => {
                let cell = self.read_line();
                self.rows.last_mut().into_iter().for_each(|row| row.push(cell.clone()));
            }
            TagEnd::Table => {
                self.is_table = false;
                let rows = std::mem::take(&mut self.rows);
                self.block(table(&rows));
            }
            TagEnd::TableHead | TagEnd::TableRow => {}
            TagEnd::Emphasis => self.made("*"),
            TagEnd::Strong if !self.is_heading => self.made("**"),
            TagEnd::Strikethrough => self.made("~~"),
            TagEnd::Link | TagEnd::Image => {
                let end = self.links.pop().unwrap_or_default();
                self.made(&end);
            }
            TagEnd::Strong | TagEnd::Superscript | TagEnd::Subscript => {}
            TagEnd::Paragraph
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::MetadataBlock(_) => self.flush(),
        }
    }

    fn words(&mut self, text: &str) {
        if let Some((verbatim, _)) = &mut self.verbatim {
            verbatim.push_str(text);
            return;
        }
        match self.line.last_mut() {
            Some(Piece::Words(before)) => before.push_str(text),
            Some(Piece::Made(_) | Piece::Break) | None => self.line.push(Piece::Words(text.to_owned())),
        }
    }

    fn made(&mut self, markdown: &str) {
        if !markdown.is_empty() {
            self.line.push(Piece::Made(markdown.to_owned()));
        }
    }

    fn code(&mut self, text: &str) {
        let code = self.as_code(text);
        self.made(&code);
    }

    /// In a table a bar ends a cell, in code too; one behind a backslash is read differently by different readers.
    fn as_code(&self, text: &str) -> String {
        if self.is_table { code(&text.replace("\\|", "\\ |")).replace('|', "\\|") } else { code(text) }
    }

    fn link(&mut self, kind: LinkType, url: &str) {
        if is_ours(url, self.repo_url) {
            self.made("[");
            // read again it has to be the address that was judged: `&#46;&#46;` would be `..`
            self.links.push(format!("]({})", url.replace('&', "&amp;")));
        } else if matches!(kind, LinkType::Autolink | LinkType::Email) {
            // its text is the address
            self.links.push(String::new());
        } else {
            self.links.push(self.shown(" (", url));
        }
    }

    fn shown(&self, before: &str, url: &str) -> String {
        let url = self.as_code(url);
        if url.is_empty() { url } else { format!("{before}{url})") }
    }

    /// The line that was read, as Markdown.
    fn read_line(&mut self) -> String {
        let mut out = String::new();
        for piece in std::mem::take(&mut self.line) {
            match piece {
                Piece::Words(text) => {
                    let is_start = out.is_empty() || out.ends_with('\n');
                    words::escape(&mut out, &text, is_start, &|word| self.as_code(word));
                }
                Piece::Made(markdown) => words::push_made(&mut out, &markdown),
                Piece::Break => {
                    out.truncate(out.trim_end().len());
                    out.push('\n');
                }
            }
        }
        out.trim().to_owned()
    }

    fn flush(&mut self) {
        let text = self.read_line();
        self.block(text);
    }

    fn block(&mut self, text: String) {
        if !text.is_empty() {
            self.frames.last_mut().into_iter().for_each(|frame| frame.blocks.push(text.clone()));
        }
    }

    fn open(&mut self, kind: Kind) {
        self.flush();
        if self.frames.len() > NESTING {
            self.flattened += 1;
        } else {
            self.frames.push(Frame { kind, blocks: Vec::new() });
        }
    }

    fn close(&mut self) {
        self.flush();
        if self.flattened > 0 {
            self.flattened -= 1;
        } else if self.frames.len() > 1
            && let Some(Frame { kind, blocks }) = self.frames.pop()
        {
            let marker = self.marker(&kind);
            self.block(joined(&kind, &blocks, &marker));
        }
    }

    /// What an item begins with: a bullet, or its number in the list it is in.
    fn marker(&mut self, kind: &Kind) -> String {
        match self.frames.last_mut().map(|frame| &mut frame.kind) {
            Some(Kind::List(Some(number))) if *kind == Kind::Item => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => "- ".to_owned(),
        }
    }

    fn close_verbatim(&mut self, is_html: bool) {
        let Some((text, language)) = self.verbatim.take() else { return };
        let text = if is_html { prose::visible(&text) } else { text };
        let text = text.trim_end();
        if !text.trim().is_empty() {
            self.block(fenced(text, &language));
        }
    }

    fn end(mut self) -> String {
        self.flush();
        while self.frames.len() > 1 {
            self.flattened = 0;
            self.close();
        }
        self.frames.pop().map(|frame| frame.blocks.join("\n\n")).unwrap_or_default()
    }
}

/// Whether an address leads to this repository's own files, commits or workflow runs, and nowhere else.
fn is_ours(url: &str, repo_url: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._~:#?&=%+,;-".contains(c);
    let rest = url.strip_prefix(repo_url).filter(|_| !repo_url.is_empty());
    rest.is_some_and(|rest| {
        LINKED.iter().any(|part| rest.starts_with(part)) && !rest.contains("..") && url.chars().all(is_plain)
    })
}

#[cfg(test)]
mod tests;
