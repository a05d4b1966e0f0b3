#include "cli/manual_page.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "cli/roff.h"

namespace nestp {
namespace {

struct Item {
  std::string_view term;
  std::string_view text;
};

/// What no help text has room for.
struct Section {
  std::string_view program;
  std::string_view title;
  std::span<const Item> items;
};

constexpr Item kJunestVariables[] = {
    {"JUNEST_HOME", "The image's directory; ~/.junest without it."},
    {"JUNEST_TEMPDIR", "Where downloads are kept until they are installed; /tmp without it."},
    {"JUNEST_ARGS", "Words for the sessions of wrappers; ns without it."},
    {"JUNEST_ENV", "1 inside a session, which refuses another one."},
    {"JUNEST_URL, JUNEST_REPO, JUNEST_SHA256",
     "The image's address, the directory of all images, and the checksum it must have."},
};
constexpr Item kJunestCodes[] = {
    {"1", "Whatever has no number of its own."},
    {"102", "setup: an unknown architecture."},
    {"103", "setup: the file is not there."},
    {"104", "The image is for another architecture; proot may emulate it."},
    {"105", "proot was asked for by root."},
    {"106", "This is a session already."},
    {"107", "JUNEST_ENV is neither 0 nor 1."},
    {"other", "That of the command; 128 and the signal's number if one killed it."},
};
constexpr Item kJunestFiles[] = {
    {"~/.config/nestp/settings",
     "Lines of bind = HOST[:GUEST], ro-bind = HOST[:GUEST] and env = NAME=VALUE for all sessions."},
    {"etc/junest/info", "In the image: JUNEST_ARCH=ARCH."},
    {"usr/bin_wrappers",
     "In the image: a wrapper for each program, for the host's PATH; made anew after a session "
     "that "
     "has installed or removed programs."},
};
constexpr Item kJchrootCodes[] = {
    {"1", "A wrong command line, or the guest could not be set up."},
    {"126, 127", "COMMAND cannot be executed, or is not there."},
    {"other", "That of COMMAND; 128 and the signal's number if one killed it."},
};
constexpr Item kGrootCodes[] = {
    {"103", "DIR, or what is to be bound, is not there."},
    {"110", "Only root may do this."},
    {"111", "A path to be bound is not absolute."},
    {"other", "That of COMMAND; 128 and the signal's number if one killed it."},
};
constexpr Item kBootSignals[] = {
    {"SIGTERM, SIGINT, SIGHUP", "Shut the system down in order; it is killed after 90 seconds."},
};
constexpr Section kSections[] = {
    {"junest", "ENVIRONMENT", kJunestVariables}, {"junest", "FILES", kJunestFiles},
    {"junest", "EXIT STATUS", kJunestCodes},     {"jchroot", "EXIT STATUS", kJchrootCodes},
    {"groot", "EXIT STATUS", kGrootCodes},       {"boot", "SIGNALS", kBootSignals},
    {"sh-nspawn", "SIGNALS", kBootSignals},
};

std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::string_view without_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

/// One line of an option: "  -x, --name VALUE   What it does".
std::string option_entry(std::string_view line) {
  line = without_blanks(line);
  const std::size_t gap = std::min(line.find("  "), line.size());
  return ".TP\n\\fB" + roff(line.substr(0, gap)) + "\\fR\n" +
         roff(without_blanks(line.substr(gap))) + "\n";
}

/// The lines between two that are empty.
std::string paragraph(std::string_view& text) {
  std::string made;
  bool in_options = false;
  for (std::string_view line = next_line(text); !line.empty(); line = next_line(text)) {
    constexpr std::size_t kOptionIndent = 8;  // deeper lines go on with the one before
    const std::size_t indent = line.size() - without_blanks(line).size();
    if (indent >= kOptionIndent && line.find("--") != indent) {
      made += roff(without_blanks(line)) + "\n";
    } else if (indent > 0) {
      made += option_entry(line);
      in_options = true;
    } else {
      made += (in_options ? ".PP\n" : "") + roff(line) + "\n";
      in_options = false;
    }
  }
  return made;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  return text;
}

}  // namespace

std::string manual_name(const Program& program) {
  return (program.by_name ? "" : "nestp-") + std::string(program.name);
}

std::string manual_page(const Program& program) {
  const std::string help = program.help_text();
  std::string_view rest = help;
  std::string_view synopsis = next_line(rest);
  synopsis.remove_prefix(std::string_view("Usage: ").size());
  std::string text = ".TH " + upper(manual_name(program)) +
                     " 1 \"\" \"nestp " NESTP_VERSION "\" \"User Commands\"\n.SH NAME\n" +
                     manual_name(program) + " \\- " + roff(program.help) + "\n.SH SYNOPSIS\n" +
                     roff(synopsis) + "\n.SH DESCRIPTION\n" + paragraph(rest);
  while (!rest.empty())
    text += ".PP\n" + paragraph(rest);
  for (const Section& section : kSections) {
    if (section.program != program.name) continue;
    text += ".SH " + std::string(section.title) + "\n";
    for (const Item& item : section.items)
      text += ".TP\n.B " + roff(item.term) + "\n" + roff(item.text) + "\n";
  }
  return text + ".SH SEE ALSO\n.BR nestp (1)\n";
}

}  // namespace nestp
