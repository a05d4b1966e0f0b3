// The settings of a named environment: one small file, made to be read and edited by people.
//
//   # debian, installed from docker.io/library/debian:12
//   bind = /home/ann
//   env = LANG=C.UTF-8
//   command = bash -l
//   setup = apt-get update
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"

namespace nestp::environment {

struct Settings {
  std::string source{};  ///< where it came from
  std::string backend = "auto";
  bool root = false;   ///< seem to be root
  std::string user{};  ///< name or UID[:GID]; empty: oneself
  std::string directory{};
  std::string home{};  ///< "private", or a directory to show as HOME; empty: HOME itself
  std::vector<std::string> binds{};       ///< HOST[:GUEST]
  std::vector<std::string> read_only{};   ///< the same
  std::vector<std::string> variables{};   ///< NAME=VALUE
  std::vector<std::string> setup{};       ///< of its recipe: what makes it ready, by a shell
  std::vector<std::string> entrypoint{};  ///< before the words of `run`
  std::vector<std::string> command{};     ///< if `run` is given none
  friend bool operator==(const Settings&, const Settings&) = default;
};

/// The error names the line.
Result<Settings> parse_settings(std::string_view text);
/// What parse_settings gives back unchanged.
std::string settings_text(const Settings& settings, std::string_view name);

}  // namespace nestp::environment
