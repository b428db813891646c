//! What `explain` says of a request to a stack's gateway, in this process.

use api_gateway::explain::Arguments;
use api_gateway::load::Inputs;
use clap::Parser;
use serde_json::Value;

use crate::stack::Stack;

/// As the program reads them.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

impl Stack {
    /// What is said, in JSON.
    pub fn explain(&self, arguments: &[&str]) -> Value {
        let text = self.explain_in_words(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// What is said. The stack's directory is left out of the names of files.
    pub fn explain_in_words(&self, arguments: &[&str]) -> String {
        let command = Command::try_parse_from([&["explain"], arguments].concat()).unwrap();
        let inputs = Inputs {
            file: Some(self.file("gateway.toml").into()),
            environment: self.environment().to_vec(),
        };
        let said = command.arguments.explain(&inputs);
        let text = said.unwrap_or_else(|error| panic!("{arguments:?}: {error}")).text;
        text.replace(&self.file(""), "")
    }
}
