// What an execve(2) will run, found out before the guest's old program is gone:
// the program behind any scripts, its interpreter, and what the loader must map.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/abi.h"
#include "engine/extension.h"
#include "engine/gate/layout.h"
#include "engine/ptrace/exec/elf.h"
#include "engine/ptrace/exec/known_files.h"
#include "fs/fd.h"
#include "fs/path.h"

namespace nestp {

/// A file to be executed.
struct ExecFile {
  UniqueFd file;                        ///< empty until hold_open() where all is known of it
  std::string host{};                   ///< a path by which the guest's loader can open it
  GuestPath guest = GuestPath::root();  ///< canonical, for /proc/PID/exe
  struct stat status {};
  std::shared_ptr<FileFacts> facts = std::make_shared<FileFacts>();
};

/// Makes sure that ExecFile::file is open.
SysResult<> hold_open(ExecFile& file);

/// Finds a file the guest names: resolves, checks and opens it as do_open_execat does.
using ExecOpener = std::function<SysResult<ExecFile>(const std::string& text)>;

struct ExecPlan {
  std::string file_name;  ///< as the guest passed it: AT_EXECFN
  /// Words to put before argv[1:] in argv[0]'s place: of scripts and of an emulator; empty: none.
  std::vector<std::string> scripts;
  std::size_t hidden_words = 0;  ///< of them, those before what /proc/PID/cmdline shows
  bool hides_variables = false;  ///< LD_* must not reach the emulator
  std::uint16_t machine = 0;     ///< EM_* of a program that an emulator runs
  ExecFile program;
  std::optional<ExecFile> interpreter;
  std::optional<ExecFile> foreign;  ///< what the emulator, then `program`, is to run
  ElfImage program_image;
  ElfImage interpreter_image;
  const Abi* abi = nullptr;
  std::string name;            ///< comm
  std::size_t image_path = 0;  ///< bytes of the path by which the kernel executes the loader
};

/// Who is to blame when a plan cannot be made; for nestp's own message at the start.
enum class ExecBlame : std::uint8_t { program, script_interpreter, elf_interpreter };

struct ExecError {
  Errno error{0};
  ExecBlame blame = ExecBlame::program;
  std::string name{};  ///< of the file that is to blame
};

/// An emulator, opened by the tracer.
struct ExecEmulator {
  Emulation emulation;
  ExecFile file;
  std::uint16_t machine = 0;  ///< EM_* that it emulates
};

/// Finds who runs a program in the kernel's place; none: nobody.  `guest`: the program's path.
using EmulatorFinder =
    std::function<std::optional<ExecEmulator>(const ProgramFile&, const GuestPath& guest)>;

/// `text`: what execve(2) was given.  `opened`: the file itself, if it was named by
/// a descriptor (then `text` is /dev/fd/N as the kernel calls it).
/// `script_reachable`: false if that descriptor is closed by the exec.
Outcome<ExecPlan, ExecError> make_exec_plan(const std::string& text, const ExecOpener& open,
                                            const EmulatorFinder& find_emulator,
                                            std::optional<ExecFile> opened = std::nullopt,
                                            bool script_reachable = true);

/// Where the kernel would have put things; differs from run to run.
struct Randomness {
  std::uint64_t program_base = 0;  ///< load address of a position independent program; 0: anywhere
  std::uint64_t heap_base = 0;     ///< 0: behind the program's bss
  std::uint64_t heap_offset = 0;   ///< bytes
};

/// As the kernel chooses for a thread with or without ADDR_NO_RANDOMIZE.
Randomness choose_randomness(const ExecPlan& plan, bool randomize);

/// The new program's stack as exec laid it out (fs/binfmt_elf.c, create_elf_tables).
struct StartStack {
  std::uint64_t pointer = 0;
  std::uint64_t arguments_start = 0, arguments_end = 0;
  std::uint64_t environment_start = 0, environment_end = 0;
  std::uint64_t auxv = 0, auxv_size = 0;  ///< bytes
  std::uint64_t file_name = 0;            ///< AT_EXECFN's string
};

/// The record the loader reads.  Precondition: the images have at most kMaxSegments segments.
gate::Plan loader_plan(const ExecPlan& plan, const StartStack& stack, const Randomness& randomness);
/// What of it must be written; the rest is zero, as the guest's memory is.
std::span<const std::byte> used_bytes(const gate::Plan& record);

}  // namespace nestp
