// GRoot's command line: a shell or command in a directory, as root, with bindings of its own.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "arch/result.h"
#include "cli/options.h"

namespace nestp::groot {

/// GRoot's exit codes.
enum ExitCode : int {
  exit_failure = 1,
  exit_missing = 103,  ///< the directory or a source of a binding
  exit_not_root = 110,
  exit_relative = 111,  ///< a source of a binding
};

struct Bind {
  std::string host{};
  std::string guest{};
};

struct CommandLine {
  bool help = false;
  bool recursive = false;
  bool own_file_systems = false;  ///< -i: proc, sysfs, devices and tmpfs instead of bindings
  std::vector<Bind> binds{};
  std::string root{};
  std::vector<std::string> command{};
};

struct Refusal {
  std::string message;
  int code = exit_failure;
};

Outcome<CommandLine, Refusal> parse(std::span<const std::string> words);

/// The guest it describes: the mounts are made in a namespace, so none is left behind.
Outcome<Request, Refusal> to_request(const CommandLine& line);

std::string help_text();

/// The words behind "groot"; gives the exit status.
int run(std::span<const std::string> words);

}  // namespace nestp::groot
