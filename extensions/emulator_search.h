// Which user-mode emulator runs programs of a machine, and where it is.
//
// Looks in the host's PATH first, then in the image's /opt/qemu and /usr/bin,
// where JuNest's images carry theirs.  Nothing is executed but the dynamic
// linker of an emulator that has one, to learn where its libraries are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace nestp {

/// What tells a foreign program's machine.
struct Machine {
  std::uint16_t elf_machine = 0;  ///< EM_*
  std::uint8_t elf_class = 0;
  bool is_big_endian = false;
  friend bool operator==(const Machine&, const Machine&) = default;
  friend bool operator<(const Machine& one, const Machine& other) {
    return std::tie(one.elf_machine, one.elf_class, one.is_big_endian) <
           std::tie(other.elf_machine, other.elf_class, other.is_big_endian);
  }
};

/// True if the kernel itself runs its programs.
bool runs_here(const Machine& machine);

/// QEMU's name of a machine ("aarch64"); empty if it has none.
std::string_view emulated_name(const Machine& machine);

/// Machine of "qemu-aarch64", "/opt/qemu/qemu-arm-static-x86_64", ...
std::optional<Machine> emulated_machine(std::string_view emulator);

struct FoundEmulator {
  std::string host;  ///< absolute path
  /// Of a dynamically linked one: its ELF interpreter, and the directories of its libraries.
  std::string interpreter{};
  std::vector<std::string> library_directories{};

  bool is_static() const { return interpreter.empty(); }
};

class EmulatorSearch {
 public:
  /// `path`: as in the variable PATH; `rootfs`: of the guest, on the host.
  EmulatorSearch(std::string path, std::string rootfs)
      : path_(std::move(path)), rootfs_(std::move(rootfs)) {}

  /// None if there is no emulator for the machine here.  Remembers what it found.
  const FoundEmulator* find(const Machine& machine);
  /// One given by name or path.
  std::optional<FoundEmulator> find_named(std::string_view word) const;

 private:
  std::optional<FoundEmulator> look(const Machine& machine) const;

  std::string path_;
  std::string rootfs_;
  std::map<Machine, std::optional<FoundEmulator>> found_;
};

/// What to install where the emulator of `machine` is missing.
std::string missing_emulator(const Machine& machine);

}  // namespace nestp
