//! A small, honest look at SQL: which statements are of a kind that takes data away. It knows words, not meanings, and
//! whatever it does not find may lose data all the same: nobody is told that something is safe because of it.

use serde::Serialize;

use super::text::Clean;

/// One statement, without comments; strings are emptied, so that no word in them counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where its first word stands, from 1.
    pub line: usize,
    /// Its words and signs, in upper case.
    words: Vec<String>,
    /// The first of them as they were written.
    written: Vec<String>,
}

/// A statement that may lose data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// From 1.
    pub line: usize,
    /// `DROP TABLE`, `ALTER … DROP COLUMN`.
    pub why: &'static str,
    /// Its first words.
    pub statement: Clean,
}

/// Nothing behind it was looked at.
const UNREAD: &str = "NOT READ from here on: a quote or comment that never closes";

/// Every statement that may lose data, in order. What is a string or a comment differs from dialect to dialect, and nobody
/// says which this is: it is read both ways, and counts in either.
pub fn losses(sql: &str) -> Vec<Loss> {
    let mut found: Vec<Loss> = Vec::new();
    // Where one of the two reads all of it, that one is the right one.
    let read = [Dialect::Standard, Dialect::MySql].map(|dialect| reader(sql, dialect));
    if let [Some(line), Some(_)] = read.each_ref().map(|it| it.unclosed) {
        found.push(Loss {
            line,
            why: UNREAD,
            statement: Clean::default(),
        });
    }
    for reader in read {
        for statement in reader.found {
            for why in statement.why() {
                if !found
                    .iter()
                    .any(|it| (it.line, it.why) == (statement.line, why))
                {
                    found.push(Loss {
                        line: statement.line,
                        why,
                        statement: statement.shown(),
                    });
                }
            }
        }
    }
    found.sort_by_key(|loss| loss.line);
    found
}

/// How quotes and comments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Backslashes escape in `E'…'` alone; comments nest; `$$` quotes.
    Standard,
    /// Backslashes escape; `#` begins a comment, `--` only before white space; what stands in `/*! */` is run.
    MySql,
}

/// So many words of a statement are shown.
const SHOWN: usize = 12;

impl Statement {
    fn shown(&self) -> Clean {
        let more = if self.words.len() > SHOWN { " …" } else { "" };
        Clean::new(&format!("{}{more}", self.written.join(" ")))
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }

    fn begins(&self, words: &[&str]) -> bool {
        let first = self.words.first();
        first.is_some_and(|first| words.contains(&first.as_str()))
    }

    /// `first` directly before `second`.
    fn pair(&self, first: &str, second: &str) -> bool {
        let mut pairs = self.words.windows(2);
        pairs.any(|pair| matches!(pair, [a, b] if a == first && b == second))
    }

    /// Each kind of loss once. A word that takes data away counts wherever it stands: in a procedure, behind WITH or
    /// EXPLAIN ANALYZE, in an action of MERGE.
    fn why(&self) -> Vec<&'static str> {
        const DROPS: &[(&str, &str)] = &[
            ("TABLE", "DROP TABLE"),
            ("DATABASE", "DROP DATABASE"),
            ("SCHEMA", "DROP SCHEMA"),
            ("VIEW", "DROP VIEW"),
            ("INDEX", "DROP INDEX"),
            ("SEQUENCE", "DROP SEQUENCE"),
            ("TYPE", "DROP TYPE"),
            ("OWNED", "DROP OWNED"),
            ("EXTENSION", "DROP EXTENSION"),
            ("TABLESPACE", "DROP TABLESPACE"),
        ];
        let mut why = Vec::new();
        let alters = self.has("ALTER");
        if self.has("DROP") {
            let known = DROPS.iter().find(|(what, _)| self.pair("DROP", what));
            why.push(match known {
                Some((_, why)) => why,
                None if self.pair("DROP", "CONSTRAINT")
                    || self.pair("DROP", "NOT")
                    || self.pair("DROP", "DEFAULT") =>
                {
                    "ALTER … DROP of a constraint or default"
                }
                None if alters => "ALTER … DROP COLUMN",
                None => "DROP",
            });
        }
        if self.has("TRUNCATE") {
            why.push("TRUNCATE");
        }
        // ON DELETE says what a later deletion does, and FOR DELETE whom a policy or trigger is for.
        let deletes = self.words.iter().enumerate().any(|(at, word)| {
            let before = at.checked_sub(1).and_then(|at| self.words.get(at));
            word == "DELETE"
                && !before
                    .is_some_and(|it| ["ON", "FOR", "OR", "AFTER", "BEFORE"].contains(&it.as_str()))
        });
        if deletes {
            why.push("DELETE");
        }
        if self.begins(&["REPLACE"]) {
            why.push("REPLACE");
        }
        // FOR UPDATE locks, ON UPDATE says what a later one does.
        let updates = self.begins(&["UPDATE"])
            || (self.begins(&["WITH", "MERGE"])
                && self.words.windows(2).any(
                    |pair| matches!(pair, [a, b] if b == "UPDATE" && a != "ON" && a != "FOR"),
                ));
        if updates {
            why.push("UPDATE");
        }
        let retypes = self.has("TYPE")
            || self.has("MODIFY")
            || self.has("CHANGE")
            || self.words.windows(2).any(|pair| {
                // SQL Server: ALTER COLUMN name type.
                matches!(pair, [a, b] if a == "ALTER" && b == "COLUMN")
                    && !["SET", "DROP", "ADD", "RESTART"]
                        .iter()
                        .any(|word| self.has(word))
            });
        if alters && self.has("TABLE") && retypes && !self.has("DROP") {
            why.push("ALTER … TYPE");
        }
        if self.has("RENAME") {
            why.push("RENAME");
        }
        why
    }
}

/// The statements of a script, as the standard has it. What stands in dollar quotes is read as well: it is what will run.
pub fn statements(sql: &str) -> Vec<Statement> {
    reader(sql, Dialect::Standard).found
}

fn reader(sql: &str, dialect: Dialect) -> Reader {
    let mut reader = Reader::new(sql.chars().collect(), dialect, 1);
    reader.read();
    reader
}

struct Reader {
    dialect: Dialect,
    rest: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<Statement>,
    words: Vec<String>,
    written: Vec<String>,
    begins: usize,
    /// The line of a quote or comment that reaches to the end of the script.
    unclosed: Option<usize>,
}

impl Reader {
    fn new(rest: Vec<char>, dialect: Dialect, line: usize) -> Self {
        Self {
            dialect,
            rest,
            at: 0,
            line,
            found: Vec::new(),
            words: Vec::new(),
            written: Vec::new(),
            begins: line,
            unclosed: None,
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn word(&mut self, word: String) {
        let line = self.line;
        self.word_of(line, word);
    }

    fn word_of(&mut self, line: usize, word: String) {
        if self.words.is_empty() {
            self.begins = line;
        }
        self.words.push(word.to_uppercase());
        if self.written.len() < SHOWN {
            self.written.push(word);
        }
    }

    fn end(&mut self) {
        let words = std::mem::take(&mut self.words);
        let written = std::mem::take(&mut self.written);
        if !words.is_empty() {
            self.found.push(Statement {
                line: self.begins,
                words,
                written,
            });
        }
    }

    fn read(&mut self) {
        while let Some(c) = self.peek(0) {
            let mysql = self.dialect == Dialect::MySql;
            match (c, self.peek(1)) {
                ('-', Some('-'))
                    if !mysql
                        || self
                            .peek(2)
                            .is_none_or(|c| c.is_whitespace() || c.is_control()) =>
                {
                    self.rest_of_line();
                }
                ('#', _) if mysql => self.rest_of_line(),
                ('/', Some('*')) if mysql && self.peek(2) == Some('!') => {
                    self.at += 3;
                    while self.peek(0).is_some_and(|c| c.is_ascii_digit()) {
                        self.at += 1;
                    }
                }
                ('*', Some('/')) => self.at += 2,
                ('/', Some('*')) => self.comment(),
                ('\'', _) => self.string('\''),
                ('"' | '`', _) => self.name(c),
                ('[', _) => self.name(']'),
                ('$', _) => {
                    if !self.dollars() {
                        self.next();
                    }
                }
                (';', _) => {
                    self.next();
                    self.end();
                }
                (c, _) if c.is_alphanumeric() || c == '_' => self.bare(),
                _ => {
                    self.next();
                }
            }
        }
        self.end();
    }

    fn rest_of_line(&mut self) {
        // PostgreSQL ends a comment at a carriage return as well.
        let standard = self.dialect == Dialect::Standard;
        while self
            .peek(0)
            .is_some_and(|c| c != '\n' && !(standard && c == '\r'))
        {
            self.at += 1;
        }
    }

    fn comment(&mut self) {
        let (mut depth, begins) = (0_usize, self.line);
        while let Some(c) = self.next() {
            match (c, self.peek(0)) {
                ('/', Some('*')) if depth == 0 || self.dialect == Dialect::Standard => {
                    self.next();
                    depth += 1;
                }
                ('*', Some('/')) => {
                    self.next();
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
        self.unclosed.get_or_insert(begins);
    }

    fn string(&mut self, quote: char) {
        let before = self.at.checked_sub(1).and_then(|at| self.rest.get(at));
        let escapes = self.dialect == Dialect::MySql || matches!(before, Some('E' | 'e'));
        self.word("''".to_owned());
        let begins = self.line;
        self.next();
        while let Some(c) = self.next() {
            if c == '\\' && escapes {
                self.next();
            } else if c == quote {
                if self.peek(0) != Some(quote) {
                    return;
                }
                self.next();
            }
        }
        self.unclosed.get_or_insert(begins);
    }

    fn name(&mut self, close: char) {
        let begins = self.line;
        self.next();
        let mut name = String::new();
        let mut closed = false;
        while let Some(c) = self.next() {
            closed = c == close;
            if closed {
                break;
            }
            name.push(c);
        }
        if !closed {
            self.unclosed.get_or_insert(begins);
        }
        // In quotes, so that a table called "delete" is no deletion.
        self.word_of(begins, format!("\"{name}\""));
    }

    /// What stands between two dollar quotes is a script of its own: it is what will run, and where it is only words an
    /// apostrophe among them hides nothing that follows.
    fn dollars(&mut self) -> bool {
        let mut ahead = 1;
        while self
            .peek(ahead)
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
        {
            ahead += 1;
        }
        let numbered = self.peek(1).is_some_and(|c| c.is_ascii_digit());
        if numbered || self.peek(ahead) != Some('$') {
            return false;
        }
        let tag: Vec<char> = self
            .rest
            .get(self.at..=self.at + ahead)
            .unwrap_or_default()
            .into();
        let from = self.at + tag.len();
        let inner = self.rest.get(from..).unwrap_or_default();
        let Some(length) = inner.windows(tag.len()).position(|it| it == tag) else {
            self.unclosed.get_or_insert(self.line);
            self.at = from;
            return true;
        };
        let inner = inner.get(..length).unwrap_or_default().to_vec();
        self.word("''".to_owned());
        let lines = inner.iter().filter(|c| **c == '\n').count();
        let mut within = Self::new(inner, self.dialect, self.line);
        within.read();
        self.found.append(&mut within.found);
        self.line += lines;
        self.at = from + length + tag.len();
        true
    }

    fn bare(&mut self) {
        let mut word = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
            self.at += 1;
        }
        self.word(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in each: line and kind.
    const TABLE: &[(&str, &[(usize, &str)])] = &[
        ("", &[]),
        ("SELECT 1;", &[]),
        (
            "CREATE TABLE a (b int);\nALTER TABLE a ADD COLUMN c text;",
            &[],
        ),
        ("drop table users;", &[(1, "DROP TABLE")]),
        (
            "BEGIN;\n\nDROP   TABLE\n IF EXISTS users;\nCOMMIT;",
            &[(3, "DROP TABLE")],
        ),
        ("-- DROP TABLE users;\nSELECT 1;", &[]),
        ("-- a\rDROP TABLE users;", &[(1, "DROP TABLE")]),
        ("SELECT 2--1; DROP TABLE users;", &[(1, "DROP TABLE")]),
        (
            "COMMENT ON TABLE a IS $$it's old$$; DROP TABLE b;",
            &[(1, "DROP TABLE")],
        ),
        (
            "COMMENT ON TABLE a IS $x$it's$x$;\nDROP TABLE b;\nCOMMENT ON TABLE c IS $$it's$$;",
            &[(2, "DROP TABLE")],
        ),
        (
            "DO $$\nBEGIN\n  DELETE FROM a;\nEND $$;\nTRUNCATE b;",
            &[(2, "DELETE"), (5, "TRUNCATE")],
        ),
        ("SELECT 1;\nSELECT 'it;\nDROP TABLE a;", &[(2, UNREAD)]),
        ("/* DROP TABLE a;", &[(1, UNREAD)]),
        ("DO $$ DROP TABLE a;", &[(1, UNREAD), (1, "DROP TABLE")]),
        ("# it's\nDROP TABLE users;", &[(2, "DROP TABLE")]),
        (
            "INSERT INTO a VALUES ('it\\'s'); DROP TABLE b;",
            &[(1, "DROP TABLE")],
        ),
        (
            "/* DROP TABLE a; /* nested, as only some read it */ DROP TABLE b; */ SELECT 1;",
            &[(1, "DROP TABLE")],
        ),
        ("/* a */ TRUNCATE/**/users;", &[(1, "TRUNCATE")]),
        ("DROP/* x */TABLE a;", &[(1, "DROP TABLE")]),
        ("/*!40000 DROP TABLE a */;", &[(1, "DROP TABLE")]),
        ("INSERT INTO log VALUES ('DROP TABLE users; -- no');", &[]),
        ("INSERT INTO log VALUES ('it''s; DELETE FROM a');", &[]),
        (
            "INSERT INTO log VALUES (E'it\\'s'); DELETE FROM a;",
            &[(1, "DELETE")],
        ),
        (
            "INSERT INTO log VALUES ('\\'); DELETE FROM a;",
            &[(1, "DELETE")],
        ),
        ("ALTER TABLE \"drop\" ADD COLUMN \"truncate\" int;", &[]),
        ("ALTER TABLE `delete` ADD x int;", &[]),
        ("ALTER TABLE [rename] ADD x int;", &[]),
        (
            "ALTER TABLE a DROP COLUMN b;",
            &[(1, "ALTER … DROP COLUMN")],
        ),
        ("ALTER TABLE a DROP b;", &[(1, "ALTER … DROP COLUMN")]),
        (
            "ALTER TABLE a DROP CONSTRAINT b;",
            &[(1, "ALTER … DROP of a constraint or default")],
        ),
        (
            "ALTER TABLE a ALTER COLUMN b TYPE int;",
            &[(1, "ALTER … TYPE")],
        ),
        (
            "ALTER TABLE a ALTER b SET DATA TYPE int USING b::int;",
            &[(1, "ALTER … TYPE")],
        ),
        ("ALTER TABLE a MODIFY b int;", &[(1, "ALTER … TYPE")]),
        (
            "ALTER TABLE a ALTER COLUMN b varchar(3);",
            &[(1, "ALTER … TYPE")],
        ),
        ("ALTER TABLE a ALTER COLUMN b SET DEFAULT 1;", &[]),
        ("ALTER TABLE a RENAME TO b;", &[(1, "RENAME")]),
        ("RENAME TABLE a TO b;", &[(1, "RENAME")]),
        ("DELETE FROM a;", &[(1, "DELETE")]),
        (
            "WITH gone AS (DELETE FROM a RETURNING *) SELECT * FROM gone;",
            &[(1, "DELETE")],
        ),
        (
            "CREATE TABLE a (b int REFERENCES c ON DELETE CASCADE);",
            &[],
        ),
        (
            "CREATE TRIGGER t AFTER DELETE ON a EXECUTE FUNCTION f();",
            &[],
        ),
        ("UPDATE a SET b = NULL;", &[(1, "UPDATE")]),
        ("SELECT * FROM a FOR UPDATE;", &[]),
        ("DROP INDEX i;", &[(1, "DROP INDEX")]),
        ("DO $$\nBEGIN\n  DELETE FROM a;\nEND $$;", &[(2, "DELETE")]),
        (
            "CREATE FUNCTION f() AS $body$ TRUNCATE a $body$;",
            &[(1, "TRUNCATE")],
        ),
        (
            "SELECT '$$'; DROP TABLE a; SELECT '$$';",
            &[(1, "DROP TABLE")],
        ),
        ("SELECT 'not closed; DROP TABLE a;", &[(1, UNREAD)]),
        (
            "TRUNCATE a;\nTRUNCATE b;",
            &[(1, "TRUNCATE"), (2, "TRUNCATE")],
        ),
        ("ｄｒｏｐ TABLE a;", &[]),
    ];

    #[test]
    fn what_may_lose_data_is_found_with_its_line_and_nothing_in_comments_or_strings() {
        for (sql, expected) in TABLE {
            let found: Vec<(usize, &str)> = losses(sql)
                .iter()
                .map(|loss| (loss.line, loss.why))
                .collect();
            assert_eq!(&found.as_slice(), expected, "{sql}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends_and_each_line_is_one_of_it(sql in "(?s).{0,200}") {
            let lines = sql.matches('\n').count() + 1;
            for statement in statements(&sql) {
                proptest::prop_assert!((1..=lines).contains(&statement.line));
            }
        }
    }
}
