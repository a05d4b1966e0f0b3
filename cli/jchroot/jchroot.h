// jchroot's command line: a command in a directory, in namespaces of its own, with an fstab.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "arch/result.h"
#include "engine/isolation.h"

namespace nestp::jchroot {

struct CommandLine {
  bool help = false;
  bool new_user = false;
  bool new_network = false;
  bool background = false;
  std::string user{}, group{};
  std::string fstab{};
  std::string hostname{};
  std::string uid_map{}, gid_map{};
  std::string pidfile{};
  std::string directory{};
  std::vector<std::string> environment{};  ///< "NAME=value"
  std::string target{};
  std::vector<std::string> command{};
};

/// Options end at TARGET; those of COMMAND are its own.
Result<CommandLine> parse(std::span<const std::string> words);

/// "0 1000 1,1 100000 65536".
Result<std::vector<IdRange>> parse_map(const std::string& text);

std::string help_text();

/// The words behind "jchroot"; gives the exit status.
int run(std::span<const std::string> words);

}  // namespace nestp::jchroot
