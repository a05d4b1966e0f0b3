// Why a guest cannot be entered, in one sentence with its remedy.
//
// The functions that judge take facts and touch nothing; the ones that gather
// facts (read_, probe_) judge nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "arch/abi.h"
#include "arch/result.h"
#include "engine/backend.h"
#include "extensions/emulator.h"

namespace nestp {

/// What stat(2) and access(2) say of the directory given to -r.
struct RootfsFacts {
  std::string path;
  int error = 0;  ///< errno of stat(2); 0: it exists
  bool is_directory = false;
  bool is_searchable = false;
};

/// What a program file's own bytes say.
struct ProgramHead {
  enum class Kind : std::uint8_t {
    elf,
    script,   ///< begins with "#!"
    unknown,  ///< execve(2) says ENOEXEC
  };
  Kind kind = Kind::unknown;
  std::uint16_t machine = 0;  ///< e_machine
  std::uint8_t elf_class = 0;
  bool is_big_endian = false;
  std::string interpreter{};  ///< PT_INTERP, or the word after "#!"; empty: none
};

/// All that is known of the file that a command names.
struct ProgramFacts {
  std::string path;  ///< as the guest names it
  std::string host;  ///< where it is on the host
  int error = 0;     ///< errno of the lookup; 0: found
  bool is_directory = false;
  bool is_executable = false;
  bool is_readable = true;  ///< false: `head` is not known
  bool on_noexec_mount = false;
  ProgramHead head{};
  bool has_interpreter = true;  ///< head.interpreter exists in the guest
  bool has_emulator = false;    ///< somebody runs it who is not the kernel
};

/// What stands in the way of tracing a child.
struct TracingFacts {
  int trace_error = 0;    ///< errno of ptrace(2) for a child of our own; 0: it works
  int filter_error = 0;   ///< errno that tells seccomp filters are missing; 0: they are there
  int yama_scope = -1;    ///< kernel.yama.ptrace_scope; -1: no Yama
  bool filtered = false;  ///< we run under somebody's seccomp filter
  pid_t tracer = 0;       ///< process that traces us; 0: none
  std::string tracer_name{};
};

/// -q names an emulator that is not there.
std::optional<StartError> diagnose_emulator(const Emulator& emulator);

std::optional<StartError> diagnose_rootfs(const RootfsFacts& facts);

/// `abis`: what this machine runs, its own first.
std::optional<StartError> diagnose_program(const ProgramFacts& facts,
                                           std::span<const Abi* const> abis);

/// There is no "/bin/sh" for the default command.
StartError missing_shell(const std::string& rootfs);

/// `name` is in no directory of `path`.
StartError missing_command(const std::string& name, const std::string& path);

/// Nothing if tracing works, as far as these facts tell.
std::optional<Error> diagnose_tracing(const TracingFacts& facts);

/// `bytes`: the whole file, or as much of it as there is.
ProgramHead parse_program_head(std::string_view bytes);

/// "arm64", or "machine 1234" for one without a name here.
std::string name_of_machine(std::uint16_t machine);

/// `status`: text of /proc/self/status.
void parse_status(std::string_view status, TracingFacts& facts);

RootfsFacts read_rootfs_facts(const std::string& path);
/// None if the file cannot be read; a program may be executable and unreadable.
std::optional<ProgramHead> read_program_head(const std::string& host);
/// Forks a child that tries.
TracingFacts probe_tracing();

}  // namespace nestp
