#include "cli/jchroot/jchroot.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include "cli/accounts.h"
#include "cli/jchroot/fstab.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "fs/fd.h"

namespace nestp::jchroot {
namespace {

struct OptionRow {
  char letter;
  std::string_view name;
  std::string CommandLine::*value = nullptr;
  bool CommandLine::*flag = nullptr;
  std::string_view metavar{};
  std::string_view help{};
};

constexpr OptionRow kOptions[] = {
    {.letter = 'U',
     .name = "new-user-ns",
     .flag = &CommandLine::new_user,
     .help = "A user namespace, which needs no root"},
    {.letter = 'N',
     .name = "new-network-ns",
     .flag = &CommandLine::new_network,
     .help = "A network of its own: a loopback interface"},
    {.letter = 'u',
     .name = "user",
     .value = &CommandLine::user,
     .metavar = "USER",
     .help = "Run COMMAND as USER, name or number, of host or guest"},
    {.letter = 'g',
     .name = "group",
     .value = &CommandLine::group,
     .metavar = "GROUP",
     .help = "... and as GROUP"},
    {.letter = 'f',
     .name = "fstab",
     .value = &CommandLine::fstab,
     .metavar = "FILE",
     .help = "Mount what FILE lists, fstab(5)"},
    {.letter = 'n',
     .name = "hostname",
     .value = &CommandLine::hostname,
     .metavar = "NAME",
     .help = "A host name of its own"},
    {.letter = 'M',
     .name = "uid-map",
     .value = &CommandLine::uid_map,
     .metavar = "MAP",
     .help = "With -U: user ids as INSIDE OUTSIDE COUNT,..."},
    {.letter = 'G',
     .name = "gid-map",
     .value = &CommandLine::gid_map,
     .metavar = "MAP",
     .help = "With -U: group ids likewise"},
    {.letter = 'p',
     .name = "pidfile",
     .value = &CommandLine::pidfile,
     .metavar = "FILE",
     .help = "Write the id of the process that holds the namespaces"},
    {.letter = 'e', .name = "env", .metavar = "NAME=VALUE", .help = "Set a variable"},
    {.letter = 'c',
     .name = "chdir",
     .value = &CommandLine::directory,
     .metavar = "DIR",
     .help = "Start in the guest's DIR [/]"},
    {.letter = 'b',
     .name = "background",
     .flag = &CommandLine::background,
     .help = "Live on when the caller dies"},
    {.letter = 'h', .name = "help", .flag = &CommandLine::help, .help = "Show this help"},
};

/// The row of a long name or of an abbreviation that fits one name alone.
const OptionRow* find_long(std::string_view name) {
  const OptionRow* found = nullptr;
  for (const OptionRow& row : kOptions) {
    if (row.name == name) return &row;
    if (!row.name.starts_with(name)) continue;
    if (found != nullptr) return nullptr;
    found = &row;
  }
  return found;
}

const OptionRow* find_short(char letter) {
  for (const OptionRow& row : kOptions) {
    if (row.letter == letter) return &row;
  }
  return nullptr;
}

Result<> apply(CommandLine& line, const OptionRow& row, const std::string& value) {
  if (row.flag != nullptr) {
    line.*row.flag = true;
  } else if (row.value != nullptr) {
    line.*row.value = value;
  } else if (value.find('=') == std::string::npos || value.starts_with('=')) {
    return Error{"'" + value + "' is not NAME=VALUE"};
  } else {
    line.environment.push_back(value);
  }
  return Done{};
}

std::string file_text(const std::string& path) {
  const auto text = read_file(path);
  return text ? *text : std::string();
}

int fail(const std::string& message) {
  print_error("jchroot: " + message + "\n");
  return 1;
}

/// Fills in who the command runs as.
Result<> find_user(const CommandLine& line, Become& become) {
  if (line.user.empty() && line.group.empty()) return Done{};
  if (!line.user.empty()) {
    auto account = find_account(file_text("/etc/passwd"), line.user);
    if (!account) account = find_account(file_text(line.target + "/etc/passwd"), line.user);
    const auto number = whole_number(line.user);
    if (number) {
      become.uid = *number;
    } else if (account) {
      become.uid = account->uid;
      become.gid = account->gid;
    } else {
      return Error{"there is no user '" + line.user + "' here or in the guest"};
    }
  }
  if (!line.group.empty()) {
    auto group = find_group(file_text("/etc/group"), line.group);
    if (!group) group = find_group(file_text(line.target + "/etc/group"), line.group);
    if (!group) return Error{"there is no group '" + line.group + "' here or in the guest"};
    become.gid = *group;
  }
  become.groups = std::vector<gid_t>{};
  return Done{};
}

Result<Isolation> make_isolation(const CommandLine& line) {
  Isolation isolation;
  isolation.pid = isolation.ipc = true;
  isolation.user = line.new_user;
  isolation.net = line.new_network;
  isolation.uts = !line.hostname.empty();
  isolation.hostname = line.hostname;
  if (!line.new_user && !(line.uid_map.empty() && line.gid_map.empty())) {
    return Error{"maps of ids need -U"};
  }
  for (const auto& [text, ranges] :
       {std::pair(&line.uid_map, &isolation.uids), std::pair(&line.gid_map, &isolation.gids)}) {
    if (text->empty()) continue;
    auto map = parse_map(*text);
    if (!map) return map.error();
    *ranges = *std::move(map);
  }
  if (auto done = find_user(line, isolation.become); !done) return done.error();
  isolation.no_new_privileges = isolation.become.groups.has_value();
  // As the command's own privileges go, so do those of its namespace.
  if (!line.fstab.empty()) {
    const auto text = read_file(line.fstab);
    if (!text) return Error{line.fstab + ": " + std::strerror(text.error().code())};
    auto mounts = parse_fstab(*text);
    if (!mounts) return mounts.error().in(line.fstab);
    isolation.mounts = *std::move(mounts);
  }
  return isolation;
}

}  // namespace

std::string help_text() {
  std::string text =
      "Usage: jchroot [OPTION]... [--] TARGET COMMAND [ARG]...\n"
      "Run COMMAND with TARGET as root directory, in namespaces of its own.\n\n";
  for (const OptionRow& row : kOptions) {
    std::string line = std::string("  -") + row.letter + ", --" + std::string(row.name);
    if (!row.metavar.empty()) line += " " + std::string(row.metavar);
    line.append(line.size() < 30 ? 30 - line.size() : 1, ' ');
    text += line + std::string(row.help) + "\n";
  }
  return text;
}

Result<std::vector<IdRange>> parse_map(const std::string& text) {
  std::vector<IdRange> ranges;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view record = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(record.size() + 1, rest.size()));
    std::array<std::uint32_t, 3> numbers{};
    for (std::uint32_t& number : numbers) {
      record.remove_prefix(std::min(record.find_first_not_of(" \t"), record.size()));
      const std::string_view word = record.substr(0, record.find_first_of(" \t"));
      record.remove_prefix(word.size());
      const auto value = whole_number(word);
      if (!value) return Error{"map '" + text + "' is not INSIDE OUTSIDE COUNT,..."};
      number = *value;
    }
    ranges.push_back({.inside = numbers[0], .outside = numbers[1], .count = numbers[2]});
  }
  return ranges;
}

Result<CommandLine> parse(std::span<const std::string> words) {
  CommandLine line;
  std::size_t next = 0;
  const auto value_for = [&](const OptionRow& row,
                             const std::string& shown) -> Result<std::string> {
    if (row.flag != nullptr) return std::string();
    if (next == words.size()) {
      return Error{"option '" + shown + "' needs a value: " + std::string(row.metavar)};
    }
    return words[next++];
  };
  while (next < words.size() && words[next].size() > 1 && words[next].starts_with('-')) {
    const std::string& word = words[next++];
    if (word == "--") break;
    if (word.starts_with("--")) {
      const std::size_t equals = word.find('=');
      const OptionRow* const row = find_long(word.substr(2, equals - 2));
      if (row == nullptr) return Error{"unknown option '" + word + "'"};
      auto value = equals == std::string::npos ? value_for(*row, word)
                                               : Result<std::string>(word.substr(equals + 1));
      if (!value) return value.error();
      if (const auto done = apply(line, *row, *value); !done) return done.error();
      continue;
    }
    for (std::size_t at = 1; at < word.size(); ++at) {
      const OptionRow* const row = find_short(word[at]);
      if (row == nullptr) return Error{std::string("unknown option '-") + word[at] + "'"};
      const bool has_rest = row->flag == nullptr && at + 1 < word.size();
      auto value = has_rest ? Result<std::string>(word.substr(at + 1)) : value_for(*row, word);
      if (!value) return value.error();
      if (const auto done = apply(line, *row, *value); !done) return done.error();
      if (has_rest) break;
    }
  }
  if (line.help) return line;
  if (words.size() - next < 2) return Error{"TARGET and COMMAND are needed"};
  line.target = words[next];
  line.command.assign(words.begin() + static_cast<std::ptrdiff_t>(next) + 1, words.end());
  return line;
}

int run(std::span<const std::string> words) {
  const auto line = parse(words);
  if (!line) return fail(line.error().message + "; try jchroot --help");
  if (line->help) {
    print(help_text());
    return 0;
  }
  if (::access((line->target + "/.").c_str(), F_OK) != 0) {
    return fail(line->target + ": " + std::strerror(errno));
  }
  UniqueFd pidfile;
  if (!line->pidfile.empty()) {
    auto file = open_at(AT_FDCWD, line->pidfile, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!file) return fail(line->pidfile + ": " + std::strerror(file.error().code()));
    pidfile = std::move(*file);
  }
  auto isolation = make_isolation(*line);
  if (!isolation) return fail(isolation.error().message);
  Request request;
  request.rootfs = line->target;
  request.command = line->command;
  request.directory = line->directory.empty() ? "/" : line->directory;
  request.backend = "namespace";
  request.isolation = *std::move(isolation);
  request.die_with_parent = !line->background;
  for (const std::string& variable : line->environment) {
    const std::size_t equals = variable.find('=');
    request.environment.push_back({.kind = EnvironmentChange::Kind::set,
                                   .name = variable.substr(0, equals),
                                   .value = variable.substr(equals + 1)});
  }
  if (pidfile) {
    request.on_start = [fd = pidfile.get()](pid_t process) {
      const std::string text = std::to_string(process);
      (void)!::write(fd, text.data(), text.size());
    };
  }
  return run_request(request, Grammar::nestp);
}

}  // namespace nestp::jchroot
