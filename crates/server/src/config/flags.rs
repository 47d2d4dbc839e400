//! Every setting as a flag, made from the table, so that a new row is a new flag.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use super::gather::{Flag, Sources};
use super::table::{SETTINGS, Setting};

const CONFIG: &str = "config";
const INSECURE: &str = "insecure-no-auth";
const HEADING: &str = "Settings";

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingFlags {
    file: Option<PathBuf>,
    flags: Vec<Flag>,
}

impl SettingFlags {
    /// Those behind the name of the command win over those before it.
    pub(crate) fn then(mut self, later: &Self) -> Self {
        self.file = later.file.clone().or(self.file);
        self.flags.extend(later.flags.iter().cloned());
        self
    }

    /// With the environment of this process.
    pub(crate) fn into_sources(self) -> Sources {
        Sources {
            file: self.file,
            environment: std::env::vars_os().collect(),
            flags: self.flags,
        }
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf));
        let insecure = Arg::new(INSECURE).long(INSECURE).action(clap::ArgAction::SetTrue);
        let with_file = command
            .arg(
                file.help_heading(HEADING)
                    .help("Settings file (TOML), instead of ./event-horizon.toml if that is there"),
            )
            .arg(
                insecure
                    .help_heading(HEADING)
                    .help("Ask nobody for a key, whoever can reach this server"),
            );
        SETTINGS.iter().filter_map(argument).fold(with_file, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Shown by `--help`, left out by `-h`.
fn argument(setting: &Setting) -> Option<Arg> {
    let flag = setting.flag()?;
    let help = format!("{} [{}]", setting.meaning, setting.env);
    Some(
        Arg::new(setting.env)
            .long(flag)
            .value_name("VALUE")
            .help_heading(HEADING)
            .hide_short_help(true)
            .help(help),
    )
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let of_setting = |setting: &Setting| {
            let flag = setting.flag()?;
            let text = matches.get_one::<String>(setting.env)?.clone();
            Some(Flag {
                env: setting.env,
                text,
                written: format!("--{flag}"),
            })
        };
        let mut flags: Vec<_> = SETTINGS.iter().filter_map(of_setting).collect();
        if matches.get_flag(INSECURE) {
            flags.push(Flag {
                env: "EH_API_KEYS_REQUIRED",
                text: "false".to_owned(),
                written: format!("--{INSECURE}"),
            });
        }
        Ok(Self {
            file: matches.get_one::<PathBuf>(CONFIG).cloned(),
            flags,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
