// Words on a command line -> a Request.
//
// One constexpr table (cli/option_table.cc) is the truth: both grammars, --help,
// the manual page and the completions come from it.  Nothing here touches the
// disk; what a Request means is found out in cli/make_guest.h.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"
#include "engine/guest.h"
#include "extensions/emulator.h"
#include "extensions/kernel_name.h"
#include "extensions/ports.h"

namespace nestp {

/// How words are cut into options.
enum class Grammar : std::uint8_t {
  proot,  ///< exactly PRoot's: "-b X", "--bind=X", no "--", options end at the first other word
  nestp,  ///< also "-bX", "--bind X", "--", flags in one word
};

struct RequestedBinding {
  enum class Kind : std::uint8_t { read_write, read_only, temporary };
  std::string host{};  ///< as typed; empty for a temporary one
  std::string guest{};
  Kind kind = Kind::read_write;
  bool keep_last_link = false;  ///< "GUEST!": a symlink there is covered, not followed
  bool optional = false;        ///< from a preset: silently dropped if the host lacks it
};

struct EnvironmentChange {
  enum class Kind : std::uint8_t { set, unset, clear };
  Kind kind;
  std::string name{};
  std::string value{};
};

enum class Preset : std::uint8_t {
  none,
  recommended,  ///< -R
  as_root,      ///< -S
};

enum class Action : std::uint8_t { run, help, version, list_syscalls, generate };

/// What the words ask for, before anything is looked up.
struct Request {
  Action action = Action::run;
  std::string topic{};  ///< of --help: an option's name, or empty; of --generate: the form

  std::string rootfs = "/";
  Preset preset = Preset::none;
  std::vector<RequestedBinding> bindings{};
  bool devices = false;  ///< --dev
  std::optional<std::string> directory{};
  std::string other_directory{};  ///< if the guest lacks the present one; empty: "/"

  struct Ids {
    std::uint32_t user = 0, group = 0;
    friend bool operator==(const Ids&, const Ids&) = default;
  };
  std::optional<Ids> ids{};  ///< -0, -i, -S
  KernelFields kernel{};     ///< -k, --hostname
  bool strict_kernel = false;
  EmulatorSettings emulators{};   ///< -q, --mixed-mode
  bool hide_files = false;        ///< -H
  bool link_sizes = false;        ///< -L
  std::vector<PortPair> ports{};  ///< -p
  bool fake_proc = false;
  bool own_ipc = false;        ///< --sysvipc
  bool emulate_links = false;  ///< -l
  bool free_ports = false;     ///< --netcoop

  std::vector<EnvironmentChange> environment{};
  OnExit on_exit = OnExit::wait;
  bool die_with_parent = false;

  std::string backend = "auto";
  bool exact = true;      ///< false: auto may choose a backend with small losses (Guest::exact)
  Isolation isolation{};  ///< set by other grammars than the table's
  std::function<void(pid_t)> on_start{};  ///< Guest::on_start
  bool allow_io_uring = false;
  bool dry_run = false;

  int verbosity = 0;
  bool verbosity_given = false;
  std::string trace_file{};  ///< "-" is stderr; empty: off
  std::string stats{};       ///< "text", "json"; empty: off
  bool backtrace = false;
  bool fast_path = true;  ///< false: --no-fast-path
  CacheMode cache = CacheMode::shared;

  bool accelerate = true;                ///< false: PROOT_NO_SECCOMP
  std::string loader_directory{};        ///< PROOT_TMP_DIR
  bool ignore_missing_bindings = false;  ///< PROOT_IGNORE_MISSING_BINDINGS

  std::vector<std::string> command{};  ///< empty: the default shell
};

enum class Group : std::uint8_t { files, beliefs, findings, life, running, telling, hidden };

/// Those that --help shows, in its order.
inline constexpr Group kShownGroups[] = {Group::files, Group::beliefs, Group::findings,
                                         Group::life,  Group::running, Group::telling};

/// How an option takes its value.
enum class Value : std::uint8_t {
  none,
  required,
  attached,  ///< may be left out; if there, joined by '='
  number,    ///< required by PRoot's grammar; nestp's takes a following number, else counts up
  topic,     ///< may be left out; nestp's grammar takes a following word
};

/// One row of the table.  Empty fields: the option has none.
struct Option {
  Group group;
  std::array<std::string_view, 3> long_names{};  ///< without "--"; the first is the one shown
  std::string_view short_names{};                ///< one character each, the first is the one shown
  Value value = Value::none;
  std::string_view metavar{};
  std::string_view help{};       ///< verb phrase, for --help
  std::string_view long_help{};  ///< whole sentences, for --help OPTION and the manual
  std::string_view choices{};    ///< words for completion, separated by spaces
  Result<> (*apply)(Request&, std::string_view value) = nullptr;
  bool is_apart = false;  ///< PRoot's grammar, too, has a long form's value in the next word
};

std::span<const Option> option_table();
std::string_view title_of(Group group);

/// The row with this name, with or without its dashes; null if there is none.
const Option* find_option(std::string_view name);

/// `words`: what follows the program's name.  An error is one sentence.
Result<Request> parse_options(Grammar grammar, std::span<const std::string> words);

/// The PROOT_* variables of `environment` ("NAME=value"), for what no option has said.
Result<> apply_proot_variables(Request& request, std::span<const std::string> environment);

/// Value of `name` in `environment`, or null.
std::optional<std::string_view> find_variable(std::span<const std::string> environment,
                                              std::string_view name);

/// "HOST[:GUEST[!]]".
Result<RequestedBinding> parse_binding(std::string_view text);

}  // namespace nestp
