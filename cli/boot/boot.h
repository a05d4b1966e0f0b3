// nestp boot and sh-nspawn: a whole system with its own init, on a console.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "arch/result.h"
#include "cli/boot/network.h"
#include "cli/options.h"

namespace nestp::boot {

struct CommandLine {
  bool help = false;
  bool user = false;  ///< without root, in a user namespace
  std::string root{};
  std::string init = "/sbin/init";
  std::string hostname{};
  NetworkRequest network{};
  std::vector<std::string> words{};  ///< of init
};

Result<CommandLine> parse(std::span<const std::string> words);
/// sh-nspawn's own, which wants all of -p, -b, -a and -r.
Result<CommandLine> parse_sh_nspawn(std::span<const std::string> words);

Request to_request(const CommandLine& line);

std::string help_text();
std::string sh_nspawn_help_text();

int run(std::span<const std::string> words);
int run_sh_nspawn(std::span<const std::string> words);

}  // namespace nestp::boot
