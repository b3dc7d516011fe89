//! `docs/configuration.md`, written from the flags themselves.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

/// The page as it should be.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Every setting is a flag and an environment variable; the flag wins. Each daemon checks all of them before it\n\
         opens a port and ends with exit code 64 when one is wrong. This page is written from the flags by `make docs`;\n\
         a test compares it.\n",
    );
    section(&mut page, &gateway::config::Cli::command());
    section(&mut page, &persister::config::Cli::command());
    page
}

/// One program: its own settings, then those of its subcommands.
fn section(page: &mut String, command: &Command) {
    let _ = writeln!(page, "\n## `{}`\n\n{}.", command.get_name(), about(command));
    table(page, &rows(command));
    subsections(page, command.get_name(), command);
}

fn subsections(page: &mut String, path: &str, parent: &Command) {
    for command in parent.get_subcommands() {
        let name = format!("{path} {}", command.get_name());
        let _ = writeln!(page, "\n### `{name}`\n\n{}.", about(command));
        let settings = rows(command);
        if settings == rows(parent) && !settings.is_empty() {
            let _ = writeln!(page, "\nIts settings are those of `{path}`.");
        } else {
            table(page, &settings);
        }
        subsections(page, &name, command);
    }
}

fn rows(command: &Command) -> Vec<String> {
    let said_by_clap = |argument: &&Arg| matches!(argument.get_id().as_str(), "help" | "version");
    command
        .get_arguments()
        .filter(|argument| !said_by_clap(argument))
        .map(row)
        .collect()
}

fn table(page: &mut String, rows: &[String]) {
    if !rows.is_empty() {
        let head = "| flag | variable | default | meaning |\n| --- | --- | --- | --- |";
        let _ = writeln!(page, "\n{head}\n{}", rows.join("\n"));
    }
}

fn row(argument: &Arg) -> String {
    let flag = argument.get_long().map_or_else(
        || format!("`<{}>`", argument.get_id()),
        |long| format!("`--{long}`"),
    );
    let variable = argument
        .get_env()
        .map(|name| format!("`{}`", name.to_string_lossy()))
        .unwrap_or_default();
    let default: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    let default = match default.join(",") {
        default if !default.is_empty() => format!("`{default}`"),
        _ if argument.is_required_set() => "required".to_owned(),
        _ => String::new(),
    };
    let values: Vec<_> = argument
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    let values = if values.is_empty() || !argument.get_action().takes_values() {
        String::new()
    } else {
        format!(" One of {}.", values.join(", "))
    };
    let help = argument
        .get_long_help()
        .or(argument.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let help = help
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|");
    let stop = if help.ends_with('.') { "" } else { "." };
    format!("| {flag} | {variable} | {default} | {help}{stop}{values} |")
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about());
    about
        .map(ToString::to_string)
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned()
}
