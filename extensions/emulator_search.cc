#include "extensions/emulator_search.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <set>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/abi.h"
#include "engine/ptrace/exec/elf.h"
#include "fs/fd.h"

namespace nestp {
namespace {

struct MachineName {
  Machine machine;
  std::string_view name;
};

/// EM_* of <elf.h>, byte order and class, as QEMU's linux-user names them.
constexpr std::array kNames{
    MachineName{{40, 1, false}, "arm"},          MachineName{{40, 1, true}, "armeb"},
    MachineName{{183, 2, false}, "aarch64"},     MachineName{{183, 2, true}, "aarch64_be"},
    MachineName{{243, 2, false}, "riscv64"},     MachineName{{243, 1, false}, "riscv32"},
    MachineName{{3, 1, false}, "i386"},          MachineName{{62, 2, false}, "x86_64"},
    MachineName{{20, 1, true}, "ppc"},           MachineName{{21, 2, true}, "ppc64"},
    MachineName{{21, 2, false}, "ppc64le"},      MachineName{{22, 2, true}, "s390x"},
    MachineName{{8, 1, true}, "mips"},           MachineName{{8, 1, false}, "mipsel"},
    MachineName{{8, 2, true}, "mips64"},         MachineName{{8, 2, false}, "mips64el"},
    MachineName{{258, 2, false}, "loongarch64"}, MachineName{{0x9026, 2, false}, "alpha"},
    MachineName{{15, 1, true}, "hppa"},          MachineName{{4, 1, true}, "m68k"},
    MachineName{{42, 1, false}, "sh4"},          MachineName{{42, 1, true}, "sh4eb"},
    MachineName{{2, 1, true}, "sparc"},          MachineName{{18, 1, true}, "sparc32plus"},
    MachineName{{43, 2, true}, "sparc64"},       MachineName{{92, 1, true}, "or1k"},
    MachineName{{94, 1, false}, "xtensa"},       MachineName{{94, 1, true}, "xtensaeb"},
    MachineName{{189, 1, true}, "microblaze"},   MachineName{{189, 1, false}, "microblazeel"},
    MachineName{{164, 1, false}, "hexagon"},     MachineName{{113, 1, false}, "nios2"},
};

class FileSource final : public ByteSource {
 public:
  explicit FileSource(int file) : file_(file) {}
  SysResult<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    const ssize_t got = pread(file_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0) return Errno(errno);
    return static_cast<std::size_t>(got);
  }

 private:
  int file_;
};

/// "NAME => /path (0x...)" of each line of ld.so --list: the directories.
std::vector<std::string> directories_of(std::string_view listing) {
  std::set<std::string> directories;
  while (!listing.empty()) {
    const std::string_view line = listing.substr(0, listing.find('\n'));
    listing.remove_prefix(std::min(line.size() + 1, listing.size()));
    const std::size_t start = line.find(" => /");
    if (start == line.npos) continue;
    const std::string_view path = line.substr(start + 4, line.find(" (") - start - 4);
    directories.insert(std::string(path.substr(0, path.rfind('/'))));
  }
  return {directories.begin(), directories.end()};
}

/// What `interpreter --list program` prints.
std::string list_libraries(const std::string& interpreter, const std::string& program) {
  std::string text;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return text;
  UniqueFd from(ends[0]), to(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    dup2(to.get(), STDOUT_FILENO);
    execl(interpreter.c_str(), interpreter.c_str(), "--list", program.c_str(), nullptr);
    _exit(127);
  }
  to.reset();
  std::array<char, 4096> part;
  for (ssize_t got = 0; (got = read(from.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(got));
  if (child > 0) waitpid(child, nullptr, 0);
  return text;
}

/// The emulator at `path`, if there is one that this machine runs.
std::optional<FoundEmulator> examine(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0) return std::nullopt;
  const auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  if (!file) return std::nullopt;
  FileSource source(file->get());
  const auto image = parse_elf(source);
  if (!image) return std::nullopt;
  if (!runs_here({image->machine, static_cast<std::uint8_t>(image->is_64 ? 2 : 1), false})) {
    return std::nullopt;
  }
  FoundEmulator found{.host = path, .interpreter = image->interpreter};
  if (!found.is_static()) {
    found.library_directories = directories_of(list_libraries(found.interpreter, path));
  }
  return found;
}

std::string host_machine() {
  utsname name{};
  return uname(&name) == 0 ? name.machine : "";
}

}  // namespace

bool runs_here(const Machine& machine) {
  const Abi* const abi = abi_of_elf(machine.elf_machine, machine.elf_class);
  const auto abis = host_abis();
  return abi != nullptr && !machine.is_big_endian &&
         std::find(abis.begin(), abis.end(), abi) != abis.end();
}

std::string_view emulated_name(const Machine& machine) {
  const auto found = std::find_if(kNames.begin(), kNames.end(), [&machine](const MachineName& row) {
    return row.machine == machine;
  });
  return found == kNames.end() ? std::string_view() : found->name;
}

std::optional<Machine> emulated_machine(std::string_view emulator) {
  constexpr std::string_view kPrefix = "qemu-";
  emulator.remove_prefix(emulator.rfind('/') + 1);
  if (!emulator.starts_with(kPrefix)) return std::nullopt;
  emulator.remove_prefix(kPrefix.size());
  const std::string_view name = emulator.substr(0, emulator.find('-'));
  for (const MachineName& row : kNames) {
    if (row.name == name) return row.machine;
  }
  return std::nullopt;
}

std::optional<FoundEmulator> EmulatorSearch::find_named(std::string_view word) const {
  const std::string name(word);
  if (name.find('/') != std::string::npos) {
    char whole[PATH_MAX];
    return examine(realpath(name.c_str(), whole) != nullptr ? whole : name);
  }
  std::string_view rest = path_;
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
    if (!directory.starts_with('/')) continue;
    if (auto found = examine(std::string(directory) + "/" + name)) return found;
  }
  return std::nullopt;
}

std::optional<FoundEmulator> EmulatorSearch::look(const Machine& machine) const {
  const std::string name = "qemu-" + std::string(emulated_name(machine));
  // A static one needs nothing of the host while it runs.
  for (const std::string& candidate : {name + "-static", name}) {
    if (auto found = find_named(candidate)) return found;
  }
  const std::string of_host = name + "-static-" + host_machine();
  for (const char* const directory : {"/opt/qemu/", "/usr/bin/", "/bin/"}) {
    for (const std::string& candidate : {of_host, name + "-static", name}) {
      if (auto found = examine(rootfs_ + directory + candidate)) return found;
    }
  }
  return std::nullopt;
}

const FoundEmulator* EmulatorSearch::find(const Machine& machine) {
  if (emulated_name(machine).empty()) return nullptr;
  const auto [place, is_new] = found_.try_emplace(machine);
  if (is_new) place->second = look(machine);
  return place->second ? &*place->second : nullptr;
}

std::string missing_emulator(const Machine& machine) {
  const std::string_view name = emulated_name(machine);
  if (name.empty()) return "no emulator is known for it";
  return "install the package that holds qemu-" + std::string(name) +
         "-static (qemu-user-static of Debian), or name an emulator by -q";
}

}  // namespace nestp
