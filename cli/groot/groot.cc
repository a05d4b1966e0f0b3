#include "cli/groot/groot.h"

#include <array>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

#include "cli/output.h"
#include "cli/run.h"

namespace nestp::groot {
namespace {

constexpr std::string_view kHelp =
    "Usage: groot [OPTION]... DIR [COMMAND [ARG]...]\n"
    "Run COMMAND [a shell] with DIR as root directory; only root may.\n\n"
    "  -b, --bind HOST[:GUEST]  Show HOST at GUEST [same path]; both absolute\n"
    "  -r, --recursive          ... with the mounts below it\n"
    "  -i, --avoid-bind         For /proc, /sys, /dev, /run and /tmp make file systems\n"
    "                           of their own instead\n"
    "  -n, --no-umount          Accepted; mounts go with the guest in any case\n"
    "  -h, --help               Show this help\n";

Outcome<Bind, Refusal> parse_bind(const std::string& text) {
  const std::size_t colon = text.find(':');
  Bind bind{.host = text.substr(0, colon), .guest = text.substr(0, colon)};
  if (colon != std::string::npos) bind.guest = text.substr(colon + 1);
  if (!bind.host.starts_with('/')) {
    return Refusal{"bind source '" + bind.host + "' is not absolute", exit_relative};
  }
  if (!bind.guest.starts_with('/')) {
    return Refusal{"bind destination '" + bind.guest + "' is not absolute", exit_relative};
  }
  if (::access(bind.host.c_str(), F_OK) != 0) {
    return Refusal{"bind source '" + bind.host + "' does not exist", exit_missing};
  }
  return bind;
}

/// What -i makes at `guest`; false if it is none of those places.
bool add_own(const std::string& guest, std::vector<MountAct>& mounts) {
  MountAct act{.kind = MountAct::Kind::file_system, .guest = guest};
  if (guest == "/proc") {
    act.text = "proc";
  } else if (guest == "/sys") {
    act.text = "sysfs";
  } else if (guest == "/run" || guest == "/tmp") {
    act.text = "tmpfs";
    act.data = guest == "/tmp" ? "mode=1777" : "mode=755";
  } else if (guest == "/dev") {
    act.kind = MountAct::Kind::dev;
  } else {
    return false;
  }
  mounts.push_back(std::move(act));
  return true;
}

int say(const Refusal& refusal) {
  print_error("groot: " + refusal.message + "\n");
  return refusal.code;
}

}  // namespace

std::string help_text() { return std::string(kHelp); }

Outcome<CommandLine, Refusal> parse(std::span<const std::string> words) {
  CommandLine line;
  std::size_t next = 0;
  for (; next < words.size() && words[next].starts_with('-'); ++next) {
    const std::string& word = words[next];
    if (word == "-b" || word == "--bind") {
      if (++next == words.size()) return Refusal{"option '" + word + "' needs HOST[:GUEST]"};
      auto bind = parse_bind(words[next]);
      if (!bind) return bind.error();
      line.binds.push_back(*std::move(bind));
    } else if (word == "-r" || word == "--recursive") {
      line.recursive = true;
    } else if (word == "-i" || word == "--avoid-bind") {
      line.own_file_systems = true;
    } else if (word == "-h" || word == "--help") {
      line.help = true;
    } else if (word != "-n" && word != "--no-umount") {
      return Refusal{"unknown option '" + word + "'; try groot --help"};
    }
  }
  if (next < words.size()) line.root = words[next++];
  line.command.assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
  return line;
}

Outcome<Request, Refusal> to_request(const CommandLine& line) {
  if (line.root.empty()) return Refusal{"no directory is given; try groot --help"};
  if (::access((line.root + "/.").c_str(), F_OK) != 0) {
    return Refusal{"directory '" + line.root + "' does not exist", exit_missing};
  }
  Request request;
  request.rootfs = line.root;
  request.backend = "namespace";
  request.directory = "/";
  request.isolation.make_mount_points = true;
  request.command = line.command;
  for (const Bind& bind : line.binds) {
    if (line.own_file_systems && add_own(bind.guest, request.isolation.mounts)) continue;
    request.isolation.mounts.push_back({.kind = MountAct::Kind::bind,
                                        .host = bind.host,
                                        .guest = bind.guest,
                                        .recursive = line.recursive,
                                        .devices = true});
  }
  if (line.binds.empty() && line.own_file_systems) {
    for (const char* const guest : {"/proc", "/sys", "/dev", "/run", "/tmp"})
      (void)add_own(guest, request.isolation.mounts);
  }
  return request;
}

int run(std::span<const std::string> words) {
  const auto line = parse(words);
  if (!line) return say(line.error());
  if (line->help) {
    print(help_text());
    return 0;
  }
  if (::geteuid() != 0) return say({"only root may do this; try sudo, or proot", exit_not_root});
  const auto request = to_request(*line);
  if (!request) return say(request.error());
  return run_request(*request, Grammar::nestp);
}

}  // namespace nestp::groot
