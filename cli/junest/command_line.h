// JuNest's command line, as JuNest reads it: one action, its options, then the command.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "arch/result.h"

namespace nestp::junest {

enum class Action : std::uint8_t {
  help,
  version,
  setup,
  remove,  ///< setup --delete
  ns,
  proot,
  groot,
  root,
  build,
  wrappers,  ///< create-bin-wrappers
};

struct CommandLine {
  Action action = Action::ns;
  // setup
  std::string from_file{};
  std::string arch{};
  std::string sha256{};
  std::string url{};
  // ns, proot, groot, root
  bool fakeroot = false;
  bool copy_files = true;
  bool exact_words = false;  ///< the command gets its words untouched by the login shell
  std::string backend_args{};
  std::string backend_command{};
  std::vector<std::string> command{};
  // build
  bool check = true;
  std::string tool{};
  std::string suite{};
  std::string mirror{};
  // create-bin-wrappers
  bool force = false;
  std::string bin_path = "/usr/bin";
};

/// `words`: what follows the program's name.  The error is the sentence to print; the exit
/// status is 1.
Result<CommandLine> parse(std::span<const std::string> words);

std::string help_text();

}  // namespace nestp::junest
