#include "extensions/identity/identity.h"

#include <cstdlib>
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "extensions/identity/proc_status.h"
#include "extensions/identity/program_start.h"
#include "fs/fd.h"
#include "fs/proc_links.h"

namespace nestp {
namespace {

using identity::Credentials;

constexpr std::size_t kMostEnded = 4096;

unsigned read_last_capability() {
  constexpr unsigned kUsual = 40;  // CAP_CHECKPOINT_RESTORE
  const auto text = read_file("/proc/sys/kernel/cap_last_cap");
  return text ? static_cast<unsigned>(std::strtoul(text->c_str(), nullptr, 10)) : kUsual;
}

dev_t device_of(const std::string& path) {
  const auto status = stat_of(path);
  return status ? status->st_dev : 0;
}

}  // namespace

std::vector<std::string> owner_places(const std::string& rootfs,
                                      const std::string& state_directory) {
  std::vector<std::string> places;
  std::string root = rootfs;
  while (root.size() > 1 && root.back() == '/')
    root.pop_back();
  if (root != "/") places.push_back(root + ".nestp-owners");
  if (const auto status = stat_of(rootfs); status && !state_directory.empty()) {
    places.push_back(state_directory + "/owners-" + std::to_string(status->st_dev) + "-" +
                     std::to_string(status->st_ino));
  }
  return places;
}

Identity::Identity(const Settings& settings)
    : world_({.user = settings.user,
              .group = settings.group,
              .places = owner_places(settings.rootfs, settings.state_directory),
              .root_device = device_of(settings.rootfs),
              .root = settings.rootfs},
             read_last_capability()) {
  add(identity::id_routes());
  add(identity::capability_routes());
  add(identity::stat_routes());
  add(identity::change_routes());
  add(identity::make_routes());
  add(identity::access_routes());
  add(identity::attribute_routes());
  add(identity::process_routes());
  add(identity::socket_routes());
  add(identity::listing_routes());
}

Identity::~Identity() = default;

void Identity::add(std::span<const identity::Route> routes) {
  for (const identity::Route& route : routes) {
    const auto index = static_cast<std::size_t>(route.sys);
    if (route.on_entry != nullptr) entries_.set(index);
    if (route.on_objects != nullptr) objects_.set(index);
    handlers_[index] = {route.on_entry, route.on_objects};
  }
}

Entry Identity::on_entry(Call& call) {
  return handlers_[static_cast<std::size_t>(call.sys)].on_entry(world_, call);
}

Entry Identity::on_objects(Call& call) {
  return handlers_[static_cast<std::size_t>(call.sys)].on_objects(world_, call);
}

void Identity::on_exit(Call& call) {
  const auto found = world_.threads.find(call.thread);
  if (found == world_.threads.end()) return;
  if (const auto handler = std::move(found->second.at_exit)) handler(call);
  world_.threads[call.thread].at_exit = nullptr;
}

bool Identity::on_denied(const std::string& host) { return world_.files.open_up(host); }

std::optional<bool> Identity::has_capability(pid_t thread, unsigned capability) {
  const auto found = world_.threads.find(thread);
  if (found == world_.threads.end()) return std::nullopt;
  return (found->second.credentials.capabilities.effective >> capability & 1) != 0;
}

std::optional<InsideWorld> Identity::inside_world() const {
  return InsideWorld{.real_user = world_.files.real_user(),
                     .real_group = world_.files.real_group(),
                     .shown_user = world_.first_user,
                     .shown_group = world_.first_group};
}

bool Identity::is_inside_world(pid_t thread) {
  const auto found = world_.threads.find(thread);
  if (found == world_.threads.end()) return false;
  const Credentials& who = found->second.credentials;
  // As the first process began, if that was root.
  const auto is_first = [](const identity::IdSet& ids, identity::Id id) {
    return ids.real == id && ids.effective == id && ids.saved == id && ids.file_system == id;
  };
  const std::uint64_t all = Credentials::of(0, 0, world_.last_capability).capabilities.permitted;
  return world_.first_user == 0 && is_first(who.user, world_.first_user) &&
         is_first(who.group, world_.first_group) && who.capabilities.effective == all &&
         who.capabilities.permitted == all && who.secure_bits == 0;
}

bool Identity::judges_search(const Searcher& who) {
  const auto found = world_.threads.find(who.thread);
  if (found == world_.threads.end()) return false;
  const Credentials& own = found->second.credentials;
  const auto sees_all = [](const Credentials& one) {
    return one.has(identity::Capability::override_access) ||
           one.has(identity::Capability::read_anything);
  };
  return who.by_real_ids ? !sees_all(own.by_real_ids()) : !sees_all(own);
}

SysResult<> Identity::may_search(const Searcher& who, const std::string& host) {
  if (!judges_search(who)) return Done{};
  const auto directory = world_.look(who.thread, {.host = host, .follow = true});
  if (!directory) return Done{};  // the kernel knows the errno
  if (!S_ISDIR(directory->record.mode)) return Errno(ENOTDIR);
  const Credentials& own = world_.threads[who.thread].credentials;
  const Credentials asking = who.by_real_ids ? own.by_real_ids() : own;
  const bool may = may_access(asking, *directory, identity::kExecute) ||
                   identity::is_own_descriptors(who.thread, host);
  return may ? SysResult<>(Done{}) : SysResult<>(Errno(EACCES));
}

void Identity::on_thread_renamed(pid_t former, pid_t now) {
  auto node = world_.threads.extract(former);
  if (node.empty()) return;
  world_.threads.erase(now);
  node.key() = now;
  world_.threads.insert(std::move(node));
}

void Identity::on_program_start(ProgramStart& start) {
  identity::ThreadState& state = world_.threads[start.thread];
  state.at_exit = nullptr;
  bool is_secure = false;
  if (const auto file = world_.files.look(start.file)) {
    identity::ExecutedFile found{.owner = file->record, .capabilities = {}};
    if (const auto value = world_.files.attribute(*file, "security.capability")) {
      found.capabilities = identity::parse_file_capabilities(*value);
    }
    const Credentials before = state.credentials;
    is_secure = identity::start_program(state.credentials, found, state.no_new_privileges);
    const identity::Sender sender = identity::sender_of(before);
    if (identity::sender_of(state.credentials) != sender) world_.peers.note(start.thread, sender);
    state.is_dumpable =
        world_.is_set_id_dumpable() ||
        (before.user.effective == before.user.real && before.group.effective == before.group.real &&
         !identity::ends_dumps(before, state.credentials));
  }
  const Credentials& who = state.credentials;
  for (AuxiliaryEntry& entry : start.auxiliary) {
    if (entry.type == AT_UID) entry.value = who.user.real;
    if (entry.type == AT_EUID) entry.value = who.user.effective;
    if (entry.type == AT_GID) entry.value = who.group.real;
    if (entry.type == AT_EGID) entry.value = who.group.effective;
    if (entry.type == AT_SECURE) entry.value = is_secure ? 1 : 0;
  }
}

bool Identity::on_text(pid_t, std::string_view host, std::optional<std::string>& text) {
  if (const auto map = identity::id_map_text(host.substr(host.rfind('/') + 1)); text && map) {
    text = *map;
    return true;
  }
  const ProcFile file = proc_file(host);
  if (!text || file.text != ProcText::status) return false;
  const auto found = world_.threads.find(file.thread != 0 ? file.thread : file.process);
  if (found == world_.threads.end()) return false;
  show_credentials(*text, found->second.credentials);
  return true;
}

void Identity::on_thread_start(pid_t thread, pid_t parent) {
  if (parent == 0) {
    world_.files.recover();
    world_.threads[thread].credentials =
        Credentials::of(world_.first_user, world_.first_group, world_.last_capability);
    return;
  }
  identity::ThreadState state = world_.threads[parent];
  state.at_exit = nullptr;
  world_.threads.insert_or_assign(thread, std::move(state));
  world_.ended.erase(thread);
  world_.peers.forget(thread);
}

void Identity::on_thread_end(pid_t thread) {
  const auto found = world_.threads.find(thread);
  if (found == world_.threads.end()) return;
  const Credentials& who = found->second.credentials;
  if (world_.ended.size() >= kMostEnded) world_.ended.clear();
  world_.ended.insert_or_assign(thread, identity::sender_of(who));
  world_.threads.erase(found);
}

}  // namespace nestp
