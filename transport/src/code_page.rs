//! The page that tells what each code means, taken apart: a report is read where the page is not at hand.
//!
//! A code has a heading `### code` with text and examples below it, or a row of a table with an anchor of its name.

/// What the page says of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Help {
    /// Without examples.
    pub(crate) text: String,
    /// As it is written; a link that leads to a neighbour of the page is its text alone.
    pub(crate) markdown: String,
}

const FENCE: &str = "```";

/// `None` if the page does not have the code.
pub(crate) fn help(page: &str, code: &str) -> Option<Help> {
    section(page, code).or_else(|| row(page, code))
}

fn section(page: &str, code: &str) -> Option<Help> {
    let mut lines = page.lines();
    let is_heading = |line: &str| line.strip_prefix("### ") == Some(code);
    lines.find(|line| is_heading(line))?;
    let (mut text, mut markdown) = (Vec::new(), Vec::new());
    let mut is_example = false;
    for line in lines {
        if line.starts_with(FENCE) {
            is_example = !is_example;
            // What stands behind the language is for the page's tests.
            markdown.push(line.split(' ').next().unwrap_or(FENCE).to_owned());
        } else if is_example {
            markdown.push(line.to_owned());
        } else if line.starts_with("## ") || line.starts_with("### ") {
            break;
        } else {
            let line = without_links(line);
            text.push(line.clone());
            markdown.push(line);
        }
    }
    Some(Help {
        text: paragraphs(&text),
        markdown: markdown.join("\n").trim().to_owned(),
    })
}

/// `| anchor and code | program | severity | what it says | what to do |`.
fn row(page: &str, code: &str) -> Option<Help> {
    let anchor = format!("<a id=\"{code}\"></a>");
    let row = page.lines().find(|line| line.contains(&anchor))?;
    let mut cells = row.trim_matches('|').split(" | ").skip(3).map(str::trim);
    let (says, does) = (cells.next()?, cells.next().unwrap_or_default());
    let says = without_links(says);
    let text = if does.is_empty() {
        format!("{says}.")
    } else {
        format!("{says}: {}.", without_links(does))
    };
    Some(Help {
        markdown: text.clone(),
        text,
    })
}

/// Lines with one line break for each paragraph.
fn paragraphs(lines: &[String]) -> String {
    let parts = lines.split(String::is_empty).filter(|part| !part.is_empty());
    parts.map(|part| part.join(" ")).collect::<Vec<_>>().join("\n")
}

/// `[text](target)` is the text.
fn without_links(line: &str) -> String {
    let mut left = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, text, after)) = link(rest) {
        left.push_str(before);
        left.push_str(text);
        rest = after;
    }
    left.push_str(rest);
    left
}

fn link(line: &str) -> Option<(&str, &str, &str)> {
    let middle = line.find("](")?;
    let begin = line.get(..middle)?.rfind('[')?;
    let end = middle + line.get(middle..)?.find(')')?;
    Some((
        line.get(..begin)?,
        line.get(begin + 1..middle)?,
        line.get(end + 1..)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n### first-code\n\nIt is wrong, and [`more`](more.md)\nbeside it.\n\nIn two.\n\n\
        ```yaml first-code bad\n## no heading\na: 1\n```\n\nRight to ignore: never.\n\n### first\n\nAnother.\n\n## Rest\n\n\
        | code | by | severity | what it says | what to do |\n|---|---|---|---|---|\n\
        | <a id=\"third-code\"></a>`third-code` | E G | error | [a](b.md) key is wrong | mend it |\n\
        | <a id=\"fourth\"></a>`fourth` | G | error | so it is |  |\n";

    #[test]
    fn a_section_is_its_text_and_its_examples() {
        let found = help(PAGE, "first-code").unwrap();
        assert_eq!(
            found.text,
            "It is wrong, and `more` beside it.\nIn two.\nRight to ignore: never."
        );
        assert_eq!(
            found.markdown,
            "It is wrong, and `more`\nbeside it.\n\nIn two.\n\n```yaml\n## no heading\na: 1\n```\n\nRight to ignore: never."
        );
        assert_eq!(help(PAGE, "first").unwrap().text, "Another.");
    }

    #[test]
    fn a_row_is_a_sentence() {
        for (code, text) in [
            ("third-code", "a key is wrong: mend it."),
            ("fourth", "so it is."),
        ] {
            let found = help(PAGE, code).unwrap();
            assert_eq!((found.text.as_str(), found.markdown.as_str()), (text, text));
        }
        assert_eq!(help(PAGE, "fifth"), None);
    }
}
