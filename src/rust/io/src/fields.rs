//! Text taken apart into lines and fields, whatever the pieces it comes in.
//!
//! Fields are separated by one character and may be quoted; within quotes stand
//! separators, line breaks and, doubled, quotes (RFC 4180). A line ends with a line feed, a
//! carriage return or both.

use neuralee_core::{Error, Result};

/// A quote that is never closed would make one field of all that follows.
const LONGEST_FIELD: usize = 1 << 20;

/// Where fields go.
pub(super) trait Sink {
    /// The next field of a line. `line` is the 1-based number of the line it begins in.
    fn field(&mut self, text: &[u8], quoted: bool, line: usize) -> Result<()>;
    /// The line, which began in `line`, has no more fields.
    fn end(&mut self, line: usize) -> Result<()>;
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing of the field is known yet.
    Start,
    /// Within a field without quotes, the beginning of which is in `partial`.
    Plain,
    /// Within quotes.
    Quoted,
    /// After a quote within quotes, which ends the field or is doubled.
    Closing,
}

/// Takes text apart. Lines without a field are ignored at the end of the text and refused
/// before it.
pub(super) struct Fields {
    /// True of the bytes that end a field.
    ends: [bool; 256],
    separator: Option<u8>,
    state: State,
    partial: Vec<u8>,
    /// The line that is read, that in which the field and that in which its line began.
    line: usize,
    field_line: usize,
    first_line: usize,
    /// The line has a field before this one.
    begun: bool,
    after_return: bool,
    /// Up to this line, lines without a field are lines.
    blank_until: usize,
    blank: Option<usize>,
}

impl Fields {
    /// Without a separator each line is one field.
    pub(super) fn new(separator: Option<u8>) -> Self {
        let mut ends = [false; 256];
        for byte in separator.into_iter().chain(*b"\r\n") {
            ends[usize::from(byte)] = true;
        }
        Fields {
            ends,
            separator,
            state: State::Start,
            partial: Vec::new(),
            line: 1,
            field_line: 1,
            first_line: 1,
            begun: false,
            after_return: false,
            blank_until: 0,
            blank: None,
        }
    }

    /// Among the first `lines` lines, those without a field are lines too.
    pub(super) fn keep_blank_lines(&mut self, lines: usize) {
        self.blank_until = lines;
    }

    /// The next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match self.state {
                State::Start => {
                    if std::mem::take(&mut self.after_return) && rest[0] == b'\n' {
                        at += 1;
                        continue;
                    }
                    self.field_line = self.line;
                    if rest[0] == b'"' {
                        self.not_after_blank()?;
                        self.state = State::Quoted;
                        at += 1;
                        continue;
                    }
                    match rest.iter().position(|&b| self.ends[usize::from(b)]) {
                        Some(n) => {
                            self.close(&rest[..n], false, rest[n], sink)?;
                            at += n + 1;
                        }
                        None => {
                            self.partial.extend_from_slice(rest);
                            self.state = State::Plain;
                            at = bytes.len();
                        }
                    }
                }
                State::Plain => {
                    let n = rest.iter().position(|&b| self.ends[usize::from(b)]);
                    self.keep(&rest[..n.unwrap_or(rest.len())])?;
                    at += n.map_or(rest.len(), |n| n + 1);
                    if let Some(n) = n {
                        self.close_partial(false, rest[n], sink)?;
                    }
                }
                State::Quoted => {
                    let n = rest.iter().position(|&b| b == b'"');
                    let inside = &rest[..n.unwrap_or(rest.len())];
                    self.line += inside.iter().filter(|&&b| b == b'\n').count();
                    self.keep(inside)?;
                    at += n.map_or(rest.len(), |n| n + 1);
                    if n.is_some() {
                        self.state = State::Closing;
                    }
                }
                State::Closing => {
                    at += 1;
                    if rest[0] == b'"' {
                        self.partial.push(b'"');
                        self.state = State::Quoted;
                    } else if self.ends[usize::from(rest[0])] {
                        self.close_partial(true, rest[0], sink)?;
                    } else {
                        return Err(Error::file_format(
                            format!(
                                "Line {}: there is text after the quote that ends a field.",
                                self.line
                            ),
                            "Within quotes a quote must be doubled, as write.csv() does.",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// The end of the text, which may lack the end of its last line.
    pub(super) fn finish(mut self, sink: &mut impl Sink) -> Result<()> {
        match self.state {
            State::Quoted => Err(Error::file_format(
                format!(
                    "Line {}: the quote that begins a field is never closed.",
                    self.field_line
                ),
                "The file is truncated or damaged; write it again.",
            )),
            State::Start if !self.begun => Ok(()),
            state => {
                if state == State::Start {
                    self.field_line = self.line;
                }
                self.close_partial(state == State::Closing, b'\n', sink)
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        if self.partial.len() + bytes.len() > LONGEST_FIELD {
            return Err(Error::file_format(
                format!(
                    "Line {}: a field is longer than {LONGEST_FIELD} bytes.",
                    self.field_line
                ),
                "A quote may be missing, or this is not a table of text.",
            ));
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn close_partial(&mut self, quoted: bool, end: u8, sink: &mut impl Sink) -> Result<()> {
        let text = std::mem::take(&mut self.partial);
        self.close(&text, quoted, end, sink)?;
        self.partial = text;
        self.partial.clear();
        Ok(())
    }

    /// A field and the byte that ended it.
    fn close(&mut self, text: &[u8], quoted: bool, end: u8, sink: &mut impl Sink) -> Result<()> {
        self.state = State::Start;
        let ends_line = Some(end) != self.separator;
        if ends_line {
            self.after_return = end == b'\r';
            self.line += 1;
        }
        if ends_line && !self.begun && !quoted && text.is_empty() {
            if self.field_line <= self.blank_until {
                sink.end(self.first_line)?;
            } else {
                self.blank.get_or_insert(self.field_line);
            }
            self.first_line = self.line;
            return Ok(());
        }
        self.not_after_blank()?;
        sink.field(text, quoted, self.field_line)?;
        self.begun = !ends_line;
        if ends_line {
            sink.end(self.first_line)?;
            self.first_line = self.line;
        }
        Ok(())
    }

    fn not_after_blank(&self) -> Result<()> {
        match self.blank {
            Some(line) => Err(Error::file_format(
                format!("Line {line} is empty, but others follow."),
                "Remove it, or write what is missing.",
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text, whether it was quoted, and its line.
    type Found = (String, bool, usize);

    #[derive(Default)]
    struct Lines {
        whole: Vec<Vec<Found>>,
        open: Vec<Found>,
    }

    impl Sink for Lines {
        fn field(&mut self, text: &[u8], quoted: bool, line: usize) -> Result<()> {
            let text = String::from_utf8(text.to_vec()).expect("utf-8");
            self.open.push((text, quoted, line));
            Ok(())
        }
        fn end(&mut self, _: usize) -> Result<()> {
            self.whole.push(std::mem::take(&mut self.open));
            Ok(())
        }
    }

    fn taken_apart(text: &str, piece: usize) -> Result<Vec<Vec<Found>>> {
        let mut lines = Lines::default();
        let mut fields = Fields::new(Some(b','));
        for bytes in text.as_bytes().chunks(piece) {
            fields.feed(bytes, &mut lines)?;
        }
        fields.finish(&mut lines)?;
        Ok(lines.whole)
    }

    fn texts(lines: &[Vec<Found>]) -> Vec<Vec<&str>> {
        let mut texts = Vec::new();
        for line in lines {
            texts.push(line.iter().map(|field| field.0.as_str()).collect());
        }
        texts
    }

    #[test]
    fn quotes_breaks_and_ends_of_lines() {
        let text = "a,\"b,\"\"c\"\"\r\nd\",\r\ne,5\",\"\"\rf,,g\n\n\r\n";
        for piece in 1..text.len() {
            let lines = taken_apart(text, piece).expect("well-formed");
            assert_eq!(
                texts(&lines),
                [
                    vec!["a", "b,\"c\"\r\nd", ""],
                    vec!["e", "5\"", ""],
                    vec!["f", "", "g"]
                ]
            );
            let numbers: Vec<usize> = lines.iter().map(|l| l[2].2).collect();
            assert_eq!(numbers, [2, 3, 4]);
            assert!(lines[1][2].1 && !lines[0][2].1);
        }
    }

    #[test]
    fn damage_is_named_by_its_line() {
        let refused = |text: &str, words: &str| {
            for piece in [1, 3, 100] {
                match taken_apart(text, piece) {
                    Err(Error::FileFormat(r)) if r.message.contains(words) => {}
                    other => panic!("'{words}' is not in {other:?}"),
                }
            }
        };
        refused("a,b\n\"c,d\n", "Line 2: the quote that begins");
        refused("a,\"b\"c\n", "Line 1: there is text after");
        refused("a\n\n\nb\n", "Line 2 is empty, but others follow");
        refused("a\n\n\"b\"\n", "Line 2 is empty, but others follow");
        let long = format!("a\n\"{}", "x".repeat(LONGEST_FIELD + 1));
        assert!(
            taken_apart(&long, 1 << 16).is_err_and(|e| e.to_string().contains("Line 2: a field"))
        );
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter_and_quoting_is_undone(
            lines in proptest::collection::vec(
                proptest::collection::vec("[a\",\r\n é]{0,4}", 2..4), 0..5
            ),
            piece in 1usize..9,
        ) {
            let quoted = |f: &String| format!("\"{}\"", f.replace('"', "\"\""));
            let line = |l: &Vec<String>| l.iter().map(quoted).collect::<Vec<_>>().join(",");
            let text = lines.iter().map(line).collect::<Vec<_>>().join("\n");
            let found = taken_apart(&text, piece).expect("well-formed");
            prop_assert_eq!(texts(&found), lines);
        }
    }
}
