// The manual page, from the tables of options and programs; and what else packages install.
#include "cli/help.h"
#include "cli/manual_page.h"
#include "cli/programs.h"
#include "cli/roff.h"

namespace nestp {
namespace {

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
.SH FILES
.TP
.I $XDG_CACHE_HOME/nestp
(or
.IR ~/.cache/nestp )
What makes starts and calls fast, at most some hundred megabytes; it is made again when it is removed.
Where it cannot be written,
.I nestp\-cache\-UID
in
.B TMPDIR
or
.I /tmp
takes its place.
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

std::string other_commands() {
  std::string text =
      ".SH OTHER COMMANDS\nA first word that is one of these names, or a link to nestp that has a "
      "name marked with *, is that program.\n";
  for (const Program& program : program_table()) {
    text += ".TP\n\\fB" + roff(program.name) + "\\fR" + (program.by_name ? "*" : "") + "\n" +
            roff(program.help) + ".\n";
    if (!program.usage.empty()) text += ".br\n\\fI" + roff(program.usage) + "\\fR\n";
    if (program.help_text != nullptr) {
      text += "See\n.BR " + manual_name(program) + " (1).\n";
    }
  }
  return text;
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
  return text + other_commands() + std::string(kManualTail);
}

Result<std::string> generated_text(std::string_view form) {
  if (form == "man") return manual_text();
  if (form == "bash") return bash_completion();
  if (form == "zsh") return zsh_completion();
  if (form == "fish") return fish_completion();
  for (const Program& program : program_table()) {
    if (program.help_text != nullptr && form == "man-" + std::string(program.name)) {
      return manual_page(program);
    }
  }
  return Error{"option '--generate': '" + std::string(form) + "' is none of man, bash, zsh, fish"};
}

}  // namespace nestp
