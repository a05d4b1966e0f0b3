// The files that packages install: the manual page and the shells' completions.
#include "cli/help.h"

namespace nestp {
namespace {

/// Text as roff wants it: backslashes and hyphens escaped, no line that starts with a control mark.
std::string roff(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '\\') {
      result += "\\e";
    } else if (letter == '-') {
      result += "\\-";
    } else {
      result += letter;
    }
  }
  if (result.starts_with('.') || result.starts_with('\'')) result.insert(0, "\\&");
  return result;
}

std::string manual_entry(const Option& option) {
  std::string names;
  const auto add = [&names](const std::string& form) {
    names += (names.empty() ? "" : ", ") + form;
  };
  const std::string metavar = "\\fI" + roff(option.metavar) + "\\fR";
  for (const char letter : option.short_names) {
    std::string form = "\\fB\\-" + std::string(1, letter) + "\\fR";
    if (option.value == Value::required) form += " " + metavar;
    if (option.value == Value::number) form += " [" + metavar + "]";
    add(form);
  }
  for (const std::string_view name : option.long_names) {
    if (name.empty()) continue;
    std::string form = "\\fB\\-\\-" + roff(name) + "\\fR";
    if (option.value == Value::required) form += "=" + metavar;
    if (option.value != Value::none && option.value != Value::required) {
      form += "[=" + metavar + "]";
    }
    add(form);
  }
  return ".TP\n" + names + "\n" + roff(option.help) + ".\n" + roff(option.long_help) + "\n";
}

constexpr std::string_view kManualHead = R"roff(.SH NAME
nestp \- run programs inside a directory tree as if it were the root
.SH SYNOPSIS
.B nestp
.RI [ OPTION ].\|.\|.
.RB [ \-\- ]
.RI [ COMMAND " [" ARG ].\|.\|.]
.SH DESCRIPTION
.B nestp
runs
.I COMMAND
so that a directory of the host is its \(dq/\(dq, with other paths of the host bound where
they are wanted.
It needs neither root nor user namespaces: it translates the paths in the system calls of
the guest by
.BR ptrace (2)
and
.BR seccomp (2).
It is not a sandbox: the guest keeps all rights of the user who runs it.
.PP
Without
.I COMMAND
a login shell is run, that is
.I /bin/sh
under the name
.RB \(dq \-sh \(dq.
A
.I COMMAND
without a slash is looked for in the directories of PATH, inside the guest.
.SH OPTIONS
Options end at the first word that does not begin with \(dq\-\(dq, or at
.BR \-\- .
)roff";

constexpr std::string_view kManualTail = R"roff(.SH PROOT'S COMMAND LINE
Under the name
.BR proot ,
as
.B nestp proot
or by a link of that name, options are cut exactly as PRoot cuts them: the value of a short
option is the next word, that of a long one follows \(dq=\(dq, and there is no
.BR \-\- .
.SH ENVIRONMENT
.TP
.B PATH
Where a command without a slash is looked for, in the guest.
.TP
.B PROOT_NO_SECCOMP
If set, the guest stops at each of its system calls.
For kernels on which seccomp misbehaves; slow.
.TP
.B PROOT_TMP_DIR
Directory for temporary files.
.TP
.B PROOT_VERBOSE
The number for
.BR \-v ,
unless that is given.
.TP
.B PROOT_IGNORE_MISSING_BINDINGS
If set, a binding whose host path does not exist is left out without a warning.
.SH EXIT STATUS
That of the first process; 128+\fIN\fR if signal \fIN\fR killed it.
.TP
.B 125
.B nestp
could not start the guest; one line on the standard error says why and what helps.
.TP
.B 126
The command was found but cannot be executed.
.TP
.B 127
The command was not found.
.SH EXAMPLES
.TP
A shell in an unpacked Debian:
.B nestp \-R debian bash
.TP
A build that cannot change its sources:
.B nestp \-r debian \-\-ro\-bind ~/src:/src \-\-tmpfs /tmp \-w /src make O=/tmp
.SH SEE ALSO
.BR chroot (1),
.BR bwrap (1),
.BR ptrace (2),
.BR seccomp (2)
)roff";

/// Text between single quotes, for a shell.
std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      result += "'\\''";
    } else {
      result += letter;
    }
  }
  return result + "'";
}

bool is_shown(const Option& option) { return option.group != Group::hidden; }

/// "-r|--rootfs|--root": the pattern that matches each name.
std::string name_pattern(const Option& option) {
  std::string pattern;
  for (const char letter : option.short_names) {
    pattern += (pattern.empty() ? "-" : "|-") + std::string(1, letter);
  }
  for (const std::string_view name : option.long_names) {
    if (!name.empty()) pattern += (pattern.empty() ? "--" : "|--") + std::string(name);
  }
  return pattern;
}

bool takes_directory(const Option& option) { return option.metavar == "DIR"; }
bool takes_file(const Option& option) {
  return option.metavar.starts_with("HOST") || option.metavar == "FILE";
}

std::string zsh_entry(const Option& option, const std::string& name, bool is_long) {
  std::string help;
  for (const char letter : option.help) {
    if (letter == '[' || letter == ']' || letter == ':') help += '\\';
    help += letter;
  }
  std::string entry =
      option.metavar.starts_with("HOST") || option.metavar.starts_with("NAME") ? "*" + name : name;
  if (option.value == Value::required && is_long) entry += "=";
  if (option.value == Value::attached) entry += "=-";
  entry += "[" + help + "]";
  if (option.value == Value::none) return entry;
  entry += option.value == Value::required ? ":" : "::";
  for (const char letter : option.metavar) {
    if (letter == ':') entry += '\\';
    entry += letter;
  }
  entry += ":";
  if (!option.choices.empty()) {
    entry += "(" + std::string(option.choices) + ")";
  } else if (takes_directory(option)) {
    entry += "_files -/";
  } else if (takes_file(option)) {
    entry += "_files";
  } else {
    entry += " ";
  }
  return entry;
}

}  // namespace

std::string manual_text() {
  std::string text = ".TH NESTP 1 \"\" \"nestp " NESTP_VERSION "\" \"User Commands\"\n";
  text += kManualHead;
  for (const Group group : kShownGroups) {
    text += ".SS " + roff(title_of(group)) + "\n";
    for (const Option& option : option_table()) {
      if (option.group == group) text += manual_entry(option);
    }
  }
  return text + std::string(kManualTail);
}

std::string bash_completion() {
  std::string cases;
  std::string names;
  for (const Option& option : option_table()) {
    if (!is_shown(option)) continue;
    for (const std::string_view name : option.long_names) {
      if (!name.empty()) names += " --" + std::string(name);
    }
    for (const char letter : option.short_names)
      names += std::string(" -") + letter;
    std::string words;
    if (takes_directory(option)) {
      words = "compgen -d -- \"$word\"";
    } else if (takes_file(option)) {
      words = "compgen -f -- \"$word\"";
    } else if (!option.choices.empty()) {
      words = "compgen -W '" + std::string(option.choices) + "' -- \"$word\"";
    } else if (option.value == Value::required) {
      words = ":";
    }
    if (words.empty()) continue;
    cases +=
        "    " + name_pattern(option) + ") mapfile -t COMPREPLY < <(" + words + "); return ;;\n";
  }
  return "# bash completion for nestp\n"
         "_nestp() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
         "  if [ \"$before\" = = ]; then before=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi\n"
         "  if [ \"$word\" = = ]; then before=\"${COMP_WORDS[COMP_CWORD-1]}\" word=; fi\n"
         "  case \"$before\" in\n" +
         cases +
         "  esac\n"
         "  case \"$word\" in\n"
         "    -*) mapfile -t COMPREPLY < <(compgen -W '" +
         names.substr(1) +
         "' -- \"$word\") ;;\n"
         "    *) mapfile -t COMPREPLY < <(compgen -c -f -- \"$word\") ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _nestp nestp\n";
}

std::string zsh_completion() {
  std::string text = "#compdef nestp\n_arguments -s -S \\\n";
  for (const Option& option : option_table()) {
    if (!is_shown(option)) continue;
    for (const char letter : option.short_names) {
      text += "  " + shell_quoted(zsh_entry(option, std::string("-") + letter, false)) + " \\\n";
    }
    for (const std::string_view name : option.long_names) {
      if (name.empty()) continue;
      text += "  " + shell_quoted(zsh_entry(option, "--" + std::string(name), true)) + " \\\n";
    }
  }
  return text + "  '(-)1:command: _command_names -e' \\\n  '*::argument: _normal'\n";
}

std::string fish_completion() {
  std::string text = "# fish completion for nestp\n";
  for (const Option& option : option_table()) {
    if (!is_shown(option)) continue;
    std::string line = "complete -c nestp";
    for (const char letter : option.short_names)
      line += std::string(" -s ") + letter;
    for (const std::string_view name : option.long_names) {
      if (!name.empty()) line += " -l " + std::string(name);
    }
    if (option.value == Value::required) line += " -r";
    if (!option.choices.empty()) {
      line += " -f -a " + shell_quoted(option.choices);
    } else if (takes_directory(option)) {
      line += " -a '(__fish_complete_directories)'";
    } else if (takes_file(option)) {
      line += " -F";
    }
    text += line + " -d " + shell_quoted(option.help) + "\n";
  }
  return text;
}

Result<std::string> generated_text(std::string_view form) {
  if (form == "man") return manual_text();
  if (form == "bash") return bash_completion();
  if (form == "zsh") return zsh_completion();
  if (form == "fish") return fish_completion();
  return Error{"option '--generate': '" + std::string(form) + "' is none of man, bash, zsh, fish"};
}

}  // namespace nestp
