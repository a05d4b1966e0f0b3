// Names in /proc that stand for a process's own things.
//
// Decides by the text of host paths alone; that the host's procfs is mounted at
// /proc is taken for granted.  What a guest reads there is the engine's duty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace nestp {

/// What an entry of /proc is, as far as its name tells.
enum class ProcName : std::uint8_t {
  unknown,      ///< ask the host
  plain,        ///< certainly no symlink
  self,         ///< symlink to the asking process
  thread_self,  ///< symlink to the asking thread
  executable,   ///< magic link PID/exe
  root,         ///< magic link PID/root
  object,       ///< another magic link: cwd, fd/N, map_files/*, ns/*
};

struct ProcLink {
  ProcName name = ProcName::unknown;
  pid_t process = 0;  ///< 0: not below /proc/PID
  pid_t thread = 0;   ///< of /proc/PID/task/TID; 0: none
};

/// The entry `name` of directory `host`, which is /proc or below.
ProcLink proc_link(std::string_view host, std::string_view name);

/// Files of /proc whose content tells of host paths or of nestp itself.
enum class ProcText : std::uint8_t {
  none,
  maps,
  smaps,
  numa_maps,
  mounts,
  mountinfo,
  mountstats,
  status,
  stat,
};

struct ProcFile {
  ProcText text = ProcText::none;
  pid_t process = 0;  ///< 0: the asking one (/proc/mounts)
  pid_t thread = 0;   ///< of /proc/PID/task/TID; 0: none
};

/// Which of these a resolved host path names, if any.
ProcFile proc_file(std::string_view host);

}  // namespace nestp
