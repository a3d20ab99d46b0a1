//! Environment variables: which are settings, and which only look like one.

use std::{env, ffi::OsString};

use clap::Command;

/// What the names of all settings begin with.
const PREFIX: &str = "SYNC_HISTORY_";
/// Similarity from which a name is suggested, between 0 and 1.
const MIN_SIMILARITY: f64 = 0.75;

/// A variable that is named like a setting and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVariable {
    /// Its name.
    pub name: String,
    /// The name of the setting that is probably meant.
    pub suggestion: Option<String>,
}

/// Makes the arguments of a command ignore variables that are empty: a deployment sets them so to leave a setting at its
/// default.
#[must_use]
pub fn ignore_empty(command: Command) -> Command {
    command.mut_args(|argument| {
        let value = argument.get_env().and_then(env::var_os);
        if value.is_some_and(|value| value.is_empty()) {
            argument.env(None::<&'static str>)
        } else {
            argument
        }
    })
}

/// Returns the variables that are named like a setting and are none of this command's.
#[must_use]
pub fn unknown_variables(command: &Command) -> Vec<UnknownVariable> {
    let settings = command.get_arguments().filter_map(clap::Arg::get_env);
    let settings: Vec<_> = settings.filter_map(|name| name.to_str()).collect();
    let set = variables().filter(|(name, _)| !settings.contains(&name.as_str()));
    let unknown = set.map(|(name, _)| UnknownVariable {
        suggestion: most_similar(&name, &settings),
        name,
    });
    unknown.collect()
}

/// Returns the values of all variables that are named like a setting.
pub fn values() -> impl Iterator<Item = String> {
    variables().map(|(_, value)| value.to_string_lossy().into_owned())
}

fn variables() -> impl Iterator<Item = (String, OsString)> {
    let all = env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value));
    all.filter(|(name, _)| name.starts_with(PREFIX))
}

fn most_similar(name: &str, settings: &[&str]) -> Option<String> {
    let suffix = |name: &str| name.trim_start_matches(PREFIX).to_uppercase();
    let similarity = |setting: &str| strsim::jaro_winkler(&suffix(name), &suffix(setting));
    let similar = settings
        .iter()
        .map(|setting| (similarity(setting), *setting));
    let (similarity, setting) = similar.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (similarity >= MIN_SIMILARITY).then(|| setting.to_owned())
}
