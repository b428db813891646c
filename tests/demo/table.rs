//! A table with aligned columns.

use std::fmt;

/// Rows of cells under their titles.
#[derive(Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(crate) fn new(titles: [&str; COLUMNS]) -> Self {
        Self {
            rows: vec![titles.map(str::to_owned)],
        }
    }

    pub(crate) fn add(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row);
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(widths);
            let line: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
            if number == 0 {
                writeln!(f, "{}", widths.map(|width| "-".repeat(width)).join("  "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["who", "got"]);
        table.add(["alice".to_owned(), "200".to_owned()]);
        table.add(["ü".to_owned(), "401".to_owned()]);
        assert_eq!(
            table.to_string(),
            "who    got\n-----  ---\nalice  200\nü      401\n"
        );
    }
}
