#include "cli/junest/command_line.h"

#include <array>
#include <string_view>

#include "cli/help.h"

namespace nestp::junest {
namespace {

struct ActionRow {
  std::string_view name;
  std::string_view alias;
  Action action;
  std::string_view help;
};

constexpr ActionRow kActions[] = {
    {"setup", "s", Action::setup, "Install an image into JUNEST_HOME, or delete it"},
    {"ns", "n", Action::ns, "Enter by namespaces; what is done if no action is named"},
    {"proot", "p", Action::proot, "Enter by tracing, where namespaces are forbidden"},
    {"groot", "g", Action::groot, "Enter as root, with mounts of its own"},
    {"root", "r", Action::root, "Enter as root, by a plain chroot"},
    {"build", "b", Action::build, "Make an image of the distribution at hand"},
    {"create-bin-wrappers", "", Action::wrappers, "Let the host run the image's programs by name"},
};

constexpr unsigned bit(Action action) { return 1U << static_cast<unsigned>(action); }

constexpr unsigned kEnter =
    bit(Action::ns) | bit(Action::proot) | bit(Action::groot) | bit(Action::root);
constexpr unsigned kFake = bit(Action::ns) | bit(Action::proot);

/// An option of some actions; a null `value` or `flag` means there is none of that kind.
struct OptionRow {
  std::string_view short_name;
  std::string_view long_name;
  unsigned actions;  ///< bits of those that have it
  std::string CommandLine::*value = nullptr;
  bool CommandLine::*flag = nullptr;
  bool sets = true;  ///< what the flag becomes
  std::string_view metavar{};
  std::string_view help{};
};

constexpr OptionRow kOptions[] = {
    {.short_name = "-i",
     .long_name = "--from-file",
     .actions = bit(Action::setup),
     .value = &CommandLine::from_file,
     .metavar = "FILE",
     .help = "Take the image from FILE"},
    {.short_name = "-a",
     .long_name = "--arch",
     .actions = bit(Action::setup),
     .value = &CommandLine::arch,
     .metavar = "ARCH",
     .help = "Download the image for x86_64, x86, arm or aarch64"},
    {.short_name = "",
     .long_name = "--url",
     .actions = bit(Action::setup),
     .value = &CommandLine::url,
     .metavar = "URL",
     .help = "Download it from there"},
    {.short_name = "",
     .long_name = "--sha256",
     .actions = bit(Action::setup),
     .value = &CommandLine::sha256,
     .metavar = "SUM",
     .help = "Install only what has this checksum"},
    {.short_name = "-d",
     .long_name = "--delete",
     .actions = bit(Action::setup),
     .help = "Delete the image, after a question"},
    {.short_name = "-f",
     .long_name = "--fakeroot",
     .actions = kFake,
     .flag = &CommandLine::fakeroot,
     .help = "Seem to be root"},
    {.short_name = "-b",
     .long_name = "--backend-args",
     .actions = kEnter,
     .value = &CommandLine::backend_args,
     .metavar = "ARGS",
     .help = "More options: bubblewrap's, PRoot's, GRoot's"},
    {.short_name = "",
     .long_name = "--backend-command",
     .actions = kEnter,
     .value = &CommandLine::backend_command,
     .metavar = "PROGRAM",
     .help = "Let PROGRAM do it, with JuNest's own command line"},
    {.short_name = "-n",
     .long_name = "--no-copy-files",
     .actions = kEnter,
     .flag = &CommandLine::copy_files,
     .sets = false,
     .help = "Leave the image's files in /etc as they are"},
    {.short_name = "",
     .long_name = "--exact-words",
     .actions = kEnter,
     .flag = &CommandLine::exact_words,
     .help = "Keep $, *, && in the words of COMMAND from the login shell"},
    {.short_name = "-n",
     .long_name = "--disable-check",
     .actions = bit(Action::build),
     .flag = &CommandLine::check,
     .sets = false,
     .help = "Do not try the image out"},
    {.short_name = "",
     .long_name = "--with",
     .actions = bit(Action::build),
     .value = &CommandLine::tool,
     .metavar = "TOOL",
     .help = "Build by pacman, mmdebstrap or debootstrap"},
    {.short_name = "",
     .long_name = "--mirror",
     .actions = bit(Action::build),
     .value = &CommandLine::mirror,
     .metavar = "URL",
     .help = "Take the packages from there"},
    {.short_name = "",
     .long_name = "--suite",
     .actions = bit(Action::build),
     .value = &CommandLine::suite,
     .metavar = "NAME",
     .help = "Build this release of Debian [stable]"},
    {.short_name = "-f",
     .long_name = "--force",
     .actions = bit(Action::wrappers),
     .flag = &CommandLine::force,
     .help = "Replace wrappers that are there"},
    {.short_name = "-p",
     .long_name = "--bin-path",
     .actions = bit(Action::wrappers),
     .value = &CommandLine::bin_path,
     .metavar = "DIR",
     .help = "Wrap the programs of DIR [/usr/bin]"},
};

const OptionRow* find_option(Action action, std::string_view word) {
  for (const OptionRow& row : kOptions) {
    if ((row.actions & bit(action)) == 0) continue;
    if (word == row.long_name || (!row.short_name.empty() && word == row.short_name)) return &row;
  }
  return nullptr;
}

Error invalid(std::string_view word) {
  return {"'" + std::string(word) + "' is no option of this action; try junest --help"};
}

/// The action of the first word, and whether that word was it.
bool find_action(std::string_view word, Action& action) {
  for (const ActionRow& row : kActions) {
    if (word != row.name && (row.alias.empty() || word != row.alias)) continue;
    action = row.action;
    return true;
  }
  return false;
}

}  // namespace

Result<CommandLine> parse(std::span<const std::string> words) {
  CommandLine line;
  std::size_t next = 0;
  if (!words.empty()) {
    if (words[0] == "-h" || words[0] == "--help") line.action = Action::help;
    if (words[0] == "-V" || words[0] == "--version") line.action = Action::version;
    if (line.action != Action::ns) return line;
    if (find_action(words[0], line.action)) next = 1;
  }
  const bool enters = (bit(line.action) & kEnter) != 0;
  while (next < words.size() && !words[next].empty()) {
    const std::string& word = words[next];
    if (enters && word == "--") {
      ++next;
      break;
    }
    if (!word.starts_with('-')) {
      if (!enters) return invalid(word);
      break;
    }
    const OptionRow* const row = find_option(line.action, word);
    if (row == nullptr) return invalid(word);
    ++next;
    if (row->long_name == "--delete") {
      line.action = Action::remove;
      // The other options of setup stay known, as they were before this word.
      for (; next < words.size(); ++next) {
        if (find_option(Action::setup, words[next]) == nullptr) return invalid(words[next]);
      }
    } else if (row->flag != nullptr) {
      line.*row->flag = row->sets;
    } else {
      if (next == words.size()) {
        return Error{"option '" + word + "' needs a value: " + std::string(row->metavar)};
      }
      line.*row->value = words[next++];
    }
  }
  if (enters) {
    line.command.assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
    // An empty first word asks for a shell, as no word does.
    if (!line.command.empty() && line.command[0].empty()) line.command.clear();
  }
  return line;
}

std::string help_text() {
  std::string text =
      "Usage: junest [ACTION] [OPTION]... [--] [COMMAND [ARG]...]\n"
      "Run COMMAND [a login shell] inside the distribution in JUNEST_HOME [~/.junest].\n";
  for (const ActionRow& action : kActions) {
    text += "\n" + std::string(action.name);
    if (!action.alias.empty()) text += ", " + std::string(action.alias);
    text += ": " + std::string(action.help) + "\n";
    for (const OptionRow& row : kOptions) {
      if ((row.actions & bit(action.action)) == 0) continue;
      std::string names = "  " + std::string(row.short_name);
      if (!row.short_name.empty()) names += ", ";
      names += std::string(row.long_name);
      if (!row.metavar.empty()) names += " " + std::string(row.metavar);
      names.append(names.size() < 32 ? 32 - names.size() : 1, ' ');
      text += names + std::string(row.help) + "\n";
    }
  }
  return text + "\n-h, --help and -V, --version are known as the first word.\n";
}

}  // namespace nestp::junest
