#include "cli/bench/contenders.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/inside/image.h"
#include "fs/fd.h"
#include "fs/mount_flags.h"

namespace nestp::bench {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kMounts[] = {"/dev", "/proc", "/sys"};

/// Directories that may be written and take programs.
Words parents() {
  Words all;
  for (const char* const variable : {"TMPDIR", "XDG_CACHE_HOME", "HOME"}) {
    const char* const value = std::getenv(variable);
    if (value != nullptr && value[0] == '/') all.emplace_back(value);
    if (std::strcmp(variable, "TMPDIR") == 0) all.emplace_back("/tmp");
  }
  std::erase_if(all, [](const std::string& path) {
    const auto forbidden = on_noexec_mount(path);
    return !check_permission(path, W_OK) || !forbidden || *forbidden;
  });
  return all;
}

/// nestp itself, by which PRoot's bindings are written too.
Words bound(Words words, const Place& place, const std::string& rootfs) {
  words.insert(words.end(), {"-r", rootfs, "-w", "/"});
  if (rootfs == "/") return words;
  for (const char* const path : kMounts)
    words.insert(words.end(), {"-b", path});
  words.insert(words.end(), {"-b", place.directory() + ":/tmp"});
  return words;
}

Words bubblewrap(const Place& place, const std::string& rootfs) {
  if (rootfs == "/") return {"bwrap", "--dev-bind", "/", "/"};
  Words words{"bwrap", "--bind", rootfs, "/"};
  for (const char* const path : kMounts)
    words.insert(words.end(), {"--dev-bind", path, path});
  words.insert(words.end(), {"--bind", place.directory(), "/tmp"});
  return words;
}

}  // namespace

Result<> Place::make() {
  const Words where = parents();
  if (where.empty()) {
    return Error{"no directory that takes programs may be written; set TMPDIR to one"};
  }
  session_ = std::make_unique<SessionDirectory>(where);
  const auto made = session_->path();
  if (!made) return made.error();
  directory_ = made->text();
  if (auto done = inside::write_image_to(program()); !done) return done;
  const auto files = output_of({program(), "make", directory_});
  return files ? Result<>(Done{}) : Result<>(files.error());
}

Words Contender::command(int milliseconds, const std::string& operation) const {
  Words all = words;
  all.insert(all.end(),
             {directory + "/loops", "run", directory, std::to_string(milliseconds), operation});
  return all;
}

std::vector<Contender> contenders(const Place& place, const std::string& rootfs) {
  const std::string inside = rootfs == "/" ? place.directory() : "/tmp";
  const auto self = [&](Words options) {
    options.insert(options.begin(), "/proc/self/exe");
    return bound(std::move(options), place, rootfs);
  };
  std::vector<Contender> all{{.name = "native", .words = {}, .directory = place.directory()}};
  if (::geteuid() == 0) {
    all.push_back({"chroot", self({"--backend=chroot"}), inside});
  } else {
    all.push_back({"namespace", self({"--backend=namespace"}), inside});
  }
  all.push_back({"nestp", self({"--backend=ptrace"}), inside});
  all.push_back({"nestp -0", self({"--backend=ptrace", "-0"}), inside});
  all.push_back({"no fast path", self({"--backend=ptrace", "--no-fast-path"}), inside});
  // Others make mount points that are missing; a root file system is to stay as it is.
  if (::access((rootfs + "/tmp").c_str(), F_OK) != 0) return all;
  if (is_in_path("proot")) all.push_back({"proot", bound({"proot"}, place, rootfs), inside});
  if (is_in_path("bwrap")) all.push_back({"bwrap", bubblewrap(place, rootfs), inside});
  return all;
}

}  // namespace nestp::bench
