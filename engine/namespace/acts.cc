// The guest's furniture: what of Isolation::mounts is more than a binding.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "engine/log.h"
#include "engine/namespace/mount_call.h"
#include "engine/namespace/tree.h"

namespace nestp {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 5> kLinks{{{"fd", "/proc/self/fd"},
                                                                     {"stdin", "/proc/self/fd/0"},
                                                                     {"stdout", "/proc/self/fd/1"},
                                                                     {"stderr", "/proc/self/fd/2"},
                                                                     {"core", "/proc/kcore"}}};

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%o", mode & 07777);
  return text.data();
}

/// A path in an option of overlayfs.
std::string overlay_path(const std::string& path) {
  std::string text;
  for (const char letter : path) {
    if (letter == ':' || letter == ',' || letter == '\\') text += '\\';
    text += letter;
  }
  return text;
}

SysResult<> copy_content(int from, int to) {
  std::array<char, 16384> block;
  while (true) {
    const ssize_t got = ::read(from, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Errno(errno);
    if (got == 0) return Done{};
    if (::write(to, block.data(), static_cast<std::size_t>(got)) != got) return Errno(EIO);
  }
}

std::string_view name_of(MountAct::Kind kind) {
  switch (kind) {
    case MountAct::Kind::bind:
      return "bind at";
    case MountAct::Kind::remount_read_only:
      return "make read-only";
    case MountAct::Kind::proc:
      return "mount proc at";
    case MountAct::Kind::dev:
      return "make devices at";
    case MountAct::Kind::tmpfs:
      return "mount tmpfs at";
    case MountAct::Kind::mqueue:
      return "mount mqueue at";
    case MountAct::Kind::overlay:
      return "mount overlay at";
    case MountAct::Kind::directory:
      return "make directory";
    case MountAct::Kind::file:
    case MountAct::Kind::bind_data:
      return "make file";
    case MountAct::Kind::symlink:
      return "make symbolic link";
    case MountAct::Kind::change_mode:
      return "change the mode of";
    case MountAct::Kind::file_system:
      return "mount at";
  }
  return {};
}

}  // namespace

GuestPath GuestTree::canonical(const std::string& path) const {
  // What exists is known by the kernel; of the rest there are no links to follow.
  std::string rest;
  std::string known = path;
  while (true) {
    if (const auto fd = find(known, true)) {
      const auto name = read_link(mount_call::name_of(*fd));
      std::string found = name && name->starts_with(base_) ? name->substr(base_.size()) : known;
      if (found.empty()) found = "/";
      if (const auto parsed = GuestPath::parse(found)) return parsed->joined(rest);
    }
    while (known.size() > 1 && known.ends_with('/'))
      known.pop_back();
    const std::size_t slash = known.rfind('/');
    if (slash == std::string::npos || known == "/") return GuestPath::root().joined(rest);
    const std::string name = known.substr(slash + 1);
    if (name != "." && !name.empty()) rest.insert(0, "/").insert(1, name);
    known = slash == 0 ? "/" : known.substr(0, slash);
  }
}

Result<> GuestTree::apply(const MountAct& act, const Source& source) {
  if (act.kind == MountAct::Kind::bind && !source.fd) return Done{};  // optional and absent
  const auto done = apply_act(act, source, canonical(act.guest));
  if (done) return Done{};
  const std::string what = std::string(name_of(act.kind)) + " " + act.guest;
  if (act.optional) {
    LOG(info) << what << ": " << std::strerror(done.error().code());
    return Done{};
  }
  std::string reason = std::strerror(done.error().code());
  if (act.kind == MountAct::Kind::proc && done.error() == Errno(EPERM)) {
    reason += " (parts of the host's /proc are covered, as in most containers; bind it instead)";
  }
  return Error{what + ": " + reason};
}

SysResult<> GuestTree::apply_act(const MountAct& act, const Source& source, const GuestPath& path) {
  switch (act.kind) {
    case MountAct::Kind::bind:
      return apply_bind(act, source, path);
    case MountAct::Kind::remount_read_only: {
      const auto place = find(path.text(), true);
      return place ? mount_call::add_flags(*place, MS_RDONLY) : place.error();
    }
    case MountAct::Kind::proc:
      return apply_new(act, "proc", path);
    case MountAct::Kind::dev:
      return apply_devices(path);
    case MountAct::Kind::tmpfs:
      return apply_new(act, "tmpfs", path);
    case MountAct::Kind::mqueue:
      return apply_new(act, "mqueue", path);
    case MountAct::Kind::overlay:
      return apply_overlay(act, path);
    case MountAct::Kind::directory: {
      const auto parent = place_at(path.parent(), true);
      if (!parent) return parent.error();
      const std::string name = mount_call::name_of(*parent) + "/" + std::string(path.name());
      if (::mkdir(name.c_str(), act.mode.value_or(0755)) == 0 || errno == EEXIST) return Done{};
      const auto place = place_at(path, true);
      return place ? SysResult<>(Done{}) : place.error();
    }
    case MountAct::Kind::file:
      return apply_file(act, path);
    case MountAct::Kind::bind_data:
      return apply_bind_data(act, path);
    case MountAct::Kind::symlink: {
      const auto parent = place_at(path.parent(), true);
      if (!parent) return parent.error();
      if (::symlinkat(act.text.c_str(), (*parent).get(), std::string(path.name()).c_str()) == 0) {
        return Done{};
      }
      const int error = errno;
      const auto there = read_link(mount_call::name_of(*parent) + "/" + std::string(path.name()));
      return there && *there == act.text ? SysResult<>(Done{}) : Errno(error);
    }
    case MountAct::Kind::change_mode: {
      const auto place = find(path.text(), true);
      if (!place) return place.error();
      if (::chmod(mount_call::name_of(*place).c_str(), act.mode.value_or(0755)) != 0) {
        return Errno(errno);
      }
      return Done{};
    }
    case MountAct::Kind::file_system:
      return apply_new(act, act.text, path);
  }
  return Done{};
}

SysResult<> GuestTree::apply_bind(const MountAct& act, const Source& source,
                                  const GuestPath& path) {
  const auto place = place_at(path, source.is_directory);
  if (!place) return place.error();
  const auto shown = show(source, *place, path.text(), act.recursive);
  if (!shown) return shown.error();
  std::uint64_t flags = act.flags | (act.read_only ? std::uint64_t{MS_RDONLY} : 0U);
  // As root, what a user's tree holds must not turn into power over the host.
  if (in_user_namespace_) flags |= MS_NOSUID | (act.devices ? 0U : std::uint64_t{MS_NODEV});
  if (flags == 0) return Done{};
  return mount_call::add_flags_below(*shown, host_name(path.text()), flags);
}

SysResult<> GuestTree::apply_new(const MountAct& act, const std::string& type,
                                 const GuestPath& path) {
  const auto place = place_at(path, true);
  if (!place) return place.error();
  std::string data = act.data;
  const auto add = [&data](const std::string& option) {
    data += (data.empty() ? "" : ",") + option;
  };
  std::uint64_t flags = act.flags;
  if (act.kind == MountAct::Kind::tmpfs) {
    flags |= MS_NOSUID | MS_NODEV;
    add("mode=" + octal(act.mode.value_or(0755)));
    if (act.size != 0) add("size=" + std::to_string(act.size));
  } else if (act.kind != MountAct::Kind::file_system) {
    flags |= MS_NOSUID | MS_NODEV | MS_NOEXEC;
  }
  const std::string source = act.host.empty() ? type : act.host;
  return mount_call::file_system(type, *place, flags, data, source);
}

SysResult<> GuestTree::apply_devices(const GuestPath& path) {
  const auto place = place_at(path, true);
  if (!place) return place.error();
  const auto devices = mount_new("tmpfs", *place, path.text(), MS_NOSUID | MS_NOEXEC, "mode=755");
  if (!devices) return devices.error();
  struct stat status {};
  if (::fstat(devices->get(), &status) == 0) covering_devices_.insert(status.st_dev);
  for (const auto& [name, source] : devices_) {
    const auto node = place_at(path.child(name), false);
    if (!node) return node.error();
    if (const auto shown = show(source, *node, path.child(name).text(), false); !shown) {
      return shown.error();
    }
  }
  for (const auto& [name, target] : kLinks) {
    if (::symlinkat(target, devices->get(), name) != 0) return Errno(errno);
  }
  for (const char* const name : {"shm", "pts"}) {
    if (const auto made = place_at(path.child(name), true); !made) return made.error();
  }
  // The umask is no concern of these.
  if (::chmod((mount_call::name_of(*devices) + "/shm").c_str(), 01777) != 0) return Errno(errno);
  const auto terminals = find(path.child("pts").text(), false);
  if (!terminals) return terminals.error();
  const std::string options = "newinstance,ptmxmode=0666,mode=620";
  auto done = mount_call::file_system("devpts", *terminals, MS_NOSUID | MS_NOEXEC,
                                      options + (in_user_namespace_ ? "" : ",gid=5"), "devpts");
  if (!done) return done;
  if (::symlinkat("pts/ptmx", devices->get(), "ptmx") != 0) return Errno(errno);
  if (!console_.fd) return Done{};
  const auto node = place_at(path.child("console"), false);
  if (!node) return node.error();
  const auto shown = show(console_, *node, path.child("console").text(), false);
  return shown ? SysResult<>(Done{}) : shown.error();
}

SysResult<> GuestTree::apply_overlay(const MountAct& act, const GuestPath& path) {
  auto place = place_at(path, true);
  if (!place) return place.error();
  std::string options;
  if (in_user_namespace_) options = "userxattr,";
  options += "lowerdir=";
  for (auto layer = act.layers.rbegin(); layer != act.layers.rend(); ++layer) {
    options += (layer == act.layers.rbegin() ? "" : ":") + overlay_path(*layer);
  }
  if (act.overlay == MountAct::Overlay::read_write) {
    options += ",upperdir=" + overlay_path(act.upper) + ",workdir=" + overlay_path(act.work);
  } else if (act.overlay == MountAct::Overlay::temporary) {
    auto room = mount_new("tmpfs", *place, path.text(), MS_NOSUID | MS_NODEV, "mode=755");
    if (!room) return room.error();
    const std::string name = mount_call::name_of(*room);
    if (::mkdir((name + "/upper").c_str(), 0755) != 0 ||
        ::mkdir((name + "/work").c_str(), 0755) != 0) {
      return Errno(errno);
    }
    options += ",upperdir=" + name + "/upper,workdir=" + name + "/work";
    place = std::move(room);
  }
  return mount_call::file_system("overlay", *place, MS_NOSUID | MS_NODEV, options, "overlay");
}

SysResult<> GuestTree::apply_file(const MountAct& act, const GuestPath& path) {
  const auto parent = place_at(path.parent(), true);
  if (!parent) return parent.error();
  const auto file = open_at(AT_FDCWD, mount_call::name_of(*parent) + "/" + std::string(path.name()),
                            O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW, 0600);
  if (!file) return file.error();
  if (::fchmod(file->get(), act.mode.value_or(0666)) != 0) return Errno(errno);
  return copy_content(act.descriptor, file->get());
}

SysResult<> GuestTree::apply_bind_data(const MountAct& act, const GuestPath& path) {
  // The content lives in a file system of its own, mounted and covered at once.
  if (guest_.session == nullptr) return Errno(EINVAL);
  const auto made = guest_.session->make_file(act.mode.value_or(0600));
  if (!made) return Errno(EIO);
  {
    const auto file = open_at(AT_FDCWD, made->text(), O_WRONLY | O_TRUNC);
    if (!file) return file.error();
    if (const auto done = copy_content(act.descriptor, file->get()); !done) return done;
  }
  auto source = hold(AT_FDCWD, made->text(), false, false);
  if (!source) return source.error();
  return apply_bind(act, *source, path);
}

}  // namespace nestp
