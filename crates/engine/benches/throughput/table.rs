//! What was measured, said as it comes, and at the end side by side.

use std::fmt;

#[derive(Default)]
pub(crate) struct Table {
    servers: Vec<String>,
    /// Each with the figure of every server so far that has one: its number and what it reached.
    rows: Vec<(String, Vec<(usize, String)>)>,
}

impl Table {
    /// What follows is of this server.
    pub(crate) fn begin(&mut self, server: &str) {
        println!("\n{server}");
        self.servers.push(server.to_owned());
    }

    /// `more` is said now, and is not in the table.
    pub(crate) fn add(&mut self, what: &str, reached: &str, more: &str) {
        println!("{what}: {reached}{more}");
        let server = self.servers.len() - 1;
        let figure = (server, reached.to_owned());
        match self.rows.iter_mut().find(|(name, _)| name == what) {
            Some((_, figures)) => figures.push(figure),
            None => self.rows.push((what.to_owned(), vec![figure])),
        }
    }

    /// This server can't do the work, or not in the time.
    pub(crate) fn cannot(&mut self, what: &str, why: &str) {
        let why: String = why.chars().take(300).collect();
        self.add(what, "cannot", &format!(": {why}"));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| work | {} |", self.servers.join(" | "))?;
        writeln!(f, "|---|{}", "---|".repeat(self.servers.len()))?;
        for (what, figures) in &self.rows {
            write!(f, "| {what} |")?;
            for server in 0..self.servers.len() {
                let reached = figures
                    .iter()
                    .find(|(of, _)| *of == server)
                    .map_or("–", |(_, reached)| reached);
                write!(f, " {reached} |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
