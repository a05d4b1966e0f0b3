// Judging: facts in, a sentence out.
#include "cli/diagnose.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <elf.h>
#include <utility>

#include "engine/ptrace/exec/elf.h"
#include "engine/ptrace/exec/shebang.h"
#include "extensions/emulator_search.h"

namespace nestp {
namespace {

/// e_machine of <elf.h>, as a person knows it.
using MachineName = std::pair<std::uint16_t, std::string_view>;
constexpr std::array kMachineNames{
    MachineName{2, "sparc"},         MachineName{3, "i386"},     MachineName{4, "m68k"},
    MachineName{8, "mips"},          MachineName{15, "hppa"},    MachineName{20, "powerpc"},
    MachineName{21, "ppc64"},        MachineName{22, "s390x"},   MachineName{40, "arm"},
    MachineName{42, "sh4"},          MachineName{43, "sparc64"}, MachineName{50, "ia64"},
    MachineName{62, "x86_64"},       MachineName{183, "arm64"},  MachineName{243, "riscv64"},
    MachineName{258, "loongarch64"},
};

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

StartError cannot_start(std::string message) {
  return {.error = {std::move(message)}, .failure = StartFailure::general};
}

StartError cannot_execute(std::string message) {
  return {.error = {std::move(message)}, .failure = StartFailure::not_executable};
}

/// "x86_64 and i386".
std::string names_of(std::span<const Abi* const> abis) {
  std::string names;
  for (std::size_t i = 0; i < abis.size(); ++i) {
    if (i != 0) names += i + 1 == abis.size() ? " and " : ", ";
    names += abis[i]->name;
  }
  return names;
}

/// A file that is in memory as a whole.
class TextSource : public ByteSource {
 public:
  explicit TextSource(std::string_view bytes) : bytes_(bytes) {}

  SysResult<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
    std::ranges::copy(std::as_bytes(std::span(bytes_.substr(offset, count))), into.begin());
    return count;
  }

 private:
  std::string_view bytes_;
};

std::optional<StartError> diagnose_head(const ProgramFacts& facts,
                                        std::span<const Abi* const> abis) {
  const std::string path = in_quotes(facts.path);
  const bool is_elf = facts.head.kind == ProgramHead::Kind::elf;
  if (is_elf) {
    const auto runs = [&facts](const Abi* abi) {
      return abi->elf_machine == facts.head.machine && abi->elf_class == facts.head.elf_class;
    };
    const bool is_x32 = facts.head.machine == EM_X86_64 && facts.head.elf_class == ELFCLASS32;
    if (is_x32 && std::ranges::none_of(abis, runs)) {
      return cannot_execute(
          path + " is a program for x32, which nestp does not run; build it for " + names_of(abis));
    }
    if (std::ranges::none_of(abis, runs) && !facts.has_emulator) {
      const Machine machine{facts.head.machine, facts.head.elf_class, facts.head.is_big_endian};
      return cannot_execute(path + " is a program for " + name_of_machine(facts.head.machine) +
                            " and this machine runs " + names_of(abis) + "; " +
                            missing_emulator(machine));
    }
  }
  if (facts.head.kind == ProgramHead::Kind::unknown && facts.is_readable) {
    return cannot_execute(path +
                          " is neither an ELF program nor a script that begins with \"#!\"; "
                          "run it by its interpreter");
  }
  if (facts.has_interpreter) return std::nullopt;
  const std::string interpreter = in_quotes(facts.head.interpreter);
  if (is_elf) {
    return cannot_execute(path + " needs the ELF interpreter " + interpreter +
                          ", which the guest lacks; install the C library it belongs to, or bind "
                          "the file");
  }
  return cannot_execute(path + " needs the interpreter " + interpreter +
                        ", which the guest lacks; install it, or correct the script's first line");
}

}  // namespace

std::string name_of_machine(std::uint16_t machine) {
  const auto found = std::ranges::find(kMachineNames, machine, &MachineName::first);
  if (found != kMachineNames.end()) return std::string(found->second);
  return "machine " + std::to_string(machine);
}

ProgramHead parse_program_head(std::string_view bytes) {
  if (const auto identity = identify_elf(std::as_bytes(std::span(bytes)))) {
    ProgramHead head{.kind = ProgramHead::Kind::elf,
                     .machine = identity->machine,
                     .elf_class = static_cast<std::uint8_t>(identity->is_64 ? 2 : 1),
                     .is_big_endian = identity->is_big_endian};
    TextSource source(bytes);
    if (SysResult<ElfImage> image = parse_elf(source)) head.interpreter = image->interpreter;
    return head;
  }
  const SysResult<std::optional<Shebang>> shebang = parse_shebang(bytes);
  if (!shebang || !shebang->has_value()) return {};
  return {.kind = ProgramHead::Kind::script, .interpreter = (*shebang)->interpreter};
}

std::optional<StartError> diagnose_emulator(const Emulator& emulator) {
  if (emulator.wanted().empty() || emulator.named() != nullptr) return std::nullopt;
  const std::string name = emulator.wanted();
  const auto machine = emulated_machine(name);
  return cannot_start("emulator " + in_quotes(name) + " is not in PATH; " +
                      (machine ? missing_emulator(*machine) : "give its path to -q"));
}

std::optional<StartError> diagnose_rootfs(const RootfsFacts& facts) {
  const std::string subject = "root file system " + in_quotes(facts.path);
  if (facts.error == ENOENT || facts.error == ENOTDIR) {
    return cannot_start(subject +
                        " does not exist; give -r the directory in which one is unpacked");
  }
  if (facts.error != 0) {
    return cannot_start(subject + ": " + std::strerror(facts.error) +
                        "; give -r a directory that you may enter");
  }
  if (!facts.is_directory) {
    return cannot_start(subject + " is not a directory; unpack it and give -r the directory");
  }
  if (!facts.is_searchable) {
    return cannot_start(subject + ": " + std::strerror(EACCES) +
                        "; ask its owner for search permission (chmod a+x)");
  }
  return std::nullopt;
}

std::optional<StartError> diagnose_program(const ProgramFacts& facts,
                                           std::span<const Abi* const> abis) {
  const std::string path = in_quotes(facts.path);
  if (facts.error == ENOENT || facts.error == ENOTDIR) {
    return StartError{.error = {path + " does not exist in the guest; check the name, or bind it"},
                      .failure = StartFailure::not_found};
  }
  if (facts.error != 0) {
    return cannot_execute(path + ": " + std::strerror(facts.error) +
                          "; check the directories that lead to it");
  }
  if (facts.is_directory) {
    return cannot_execute(path + " is a directory; name a program in it");
  }
  if (!facts.is_executable) {
    return cannot_execute(path +
                          " is not executable for this user; chmod +x it, or run it by its "
                          "interpreter");
  }
  if (facts.on_noexec_mount) {
    return cannot_execute(path + " is on a file system mounted noexec (" + in_quotes(facts.host) +
                          " on the host); move the root file system to another, or remount it "
                          "with exec");
  }
  return diagnose_head(facts, abis);
}

StartError missing_shell(const std::string& rootfs) {
  return {.error = {"root file system " + in_quotes(rootfs) +
                    " has no /bin/sh; name a command, or give -r the directory that holds bin "
                    "and usr"},
          .failure = StartFailure::not_found};
}

StartError missing_command(const std::string& name, const std::string& path) {
  return {.error = {in_quotes(name) + " is in no directory of the guest's PATH (" + path +
                    "); install it in the guest, or set PATH by --env=PATH=..."},
          .failure = StartFailure::not_found};
}

std::optional<Error> diagnose_tracing(const TracingFacts& facts) {
  if (facts.trace_error != 0 && facts.tracer != 0) {
    return Error{"ptrace is taken: process " + std::to_string(facts.tracer) + " (" +
                 facts.tracer_name + ") traces nestp already; start nestp outside of it"};
  }
  if (facts.trace_error != 0 && facts.yama_scope >= 2) {
    const std::string scope = std::to_string(facts.yama_scope);
    return Error{"ptrace is forbidden by the system (kernel.yama.ptrace_scope is " + scope + "); " +
                 (facts.yama_scope == 2
                      ? "have its administrator run: sysctl kernel.yama.ptrace_scope=1"
                      : "its administrator can set it to 1 for the next boot")};
  }
  if (facts.trace_error != 0 && facts.filtered) {
    return Error{
        "ptrace is forbidden by a seccomp filter, as container engines set one; start "
        "the container with --cap-add=SYS_PTRACE or another seccomp profile"};
  }
  if (facts.trace_error == ENOSYS || facts.trace_error == EIO) {
    return Error{"this kernel has no usable ptrace; nestp needs Linux 4.8 or newer with it"};
  }
  if (facts.trace_error != 0) {
    return Error{std::string("ptrace of a child: ") + std::strerror(facts.trace_error) +
                 "; a security module of the host may forbid it (see its log)"};
  }
  if (facts.filter_error != 0) {
    return Error{"this kernel has no seccomp filters; PROOT_NO_SECCOMP=1 does without, slowly"};
  }
  return std::nullopt;
}

void parse_status(std::string_view status, TracingFacts& facts) {
  const auto number_after = [status](std::string_view key) {
    int value = 0;
    const std::size_t at = status.find(key);
    if (at == std::string_view::npos) return value;
    std::string_view rest = status.substr(at + key.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    std::from_chars(rest.data(), rest.data() + rest.size(), value);
    return value;
  };
  facts.tracer = number_after("\nTracerPid:");
  facts.filtered = number_after("\nSeccomp:") == 2;
}

}  // namespace nestp
