// What all parts of the fake identity share: who each thread believes to be, and
// whose files are whose.  Calls are answered by handlers in the *_calls.cc files,
// each of which gives a table of routes.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

#include "engine/extension.h"
#include "extensions/identity/credentials.h"
#include "extensions/identity/owned_files.h"
#include "extensions/identity/peer_notes.h"
#include "extensions/identity/permission.h"

namespace nestp::identity {

struct ThreadState {
  Credentials credentials;
  bool no_new_privileges = false;  ///< by its own wish
  bool is_dumpable = true;         ///< else the files of its process in /proc are root's
  /// What is to be done at the end of the call under way.
  std::function<void(Call&)> at_exit{};
};

struct World {
  World(const OwnedFiles::Setup& setup, unsigned last);

  OwnedFiles files;
  Id first_user, first_group;  ///< of the guest's first process
  unsigned last_capability;
  std::unordered_map<pid_t, ThreadState> threads;
  std::unordered_map<pid_t, Sender> ended;  ///< bounded
  PeerNotes peers;
  dev_t proc_device = 0;
  std::array<dev_t, 3> nameless{};  ///< devices of pipes, sockets and files in memory
  dev_t pipe_device() const { return nameless[0]; }
  int set_id_dumps = 0;  ///< /proc/sys/fs/suid_dumpable, which PR_GET_DUMPABLE tells then
  bool is_set_id_dumpable() const { return set_id_dumps == 1; }

  ThreadState& of(const Call& call) { return threads[call.thread]; }
  Credentials& credentials(const Call& call) { return of(call).credentials; }

  /// stat(2) of an object as the guest sees it.
  SysResult<OwnedFile> look(pid_t thread, const CallObject& object,
                            Freshness freshness = Freshness::recent);
  SysResult<OwnedFile> look(const Call& call, const CallObject& object,
                            Freshness freshness = Freshness::recent) {
    return look(call.thread, object, freshness);
  }
  /// Owners that no record tells: of a process's entries in /proc the process's user, of pipes,
  /// sockets and files without a name whoever asks.
  void find_owner(pid_t thread, OwnedFile& file) const;
};

using Handler = Entry (*)(World&, Call&);

/// The handlers of one call; null: there is nothing to do then.
struct Route {
  Sys sys;
  Handler on_entry = nullptr;
  Handler on_objects = nullptr;
};

std::span<const Route> id_routes();
std::span<const Route> capability_routes();
std::span<const Route> stat_routes();
std::span<const Route> change_routes();
std::span<const Route> make_routes();
std::span<const Route> access_routes();
std::span<const Route> attribute_routes();
std::span<const Route> process_routes();
std::span<const Route> socket_routes();
std::span<const Route> listing_routes();

// ---- for handlers ---------------------------------------------------------------

inline Entry answer(Call& call, std::int64_t result) {
  call.result = result;
  return Entry::answered;
}
inline Entry fail(Call& call, int error) { return answer(call, -error); }
inline Entry finish(Call& call, const SysResult<>& done) {
  return answer(call, done ? 0 : -done.error().code());
}
inline Entry at_exit(World& world, Call& call, std::function<void(Call&)> handler) {
  world.of(call).at_exit = std::move(handler);
  call.wants_exit = true;
  return Entry::proceed;
}
inline GuestAddress address(const Call& call, std::size_t index) {
  return GuestAddress{call.args[index]};
}

/// The directory that holds an entry.
CallObject holder_of(const CallObject& entry);

/// /proc/PID/fd of the thread's own process: it may be searched whoever owns it (fs/proc/fd.c,
/// proc_fd_permission).
bool is_own_descriptors(pid_t thread, const std::string& host);

/// A path of the tracer's to what descriptor `descriptor` of the calling thread stands for.
CallObject descriptor_object(const Call& call, std::uint64_t descriptor);
/// Likewise for calls that need an open file; EBADF: it is closed, or only a place (O_PATH).
SysResult<CallObject> open_object(const Call& call, std::uint64_t descriptor);

/// Writes an object of the kernel's ABI into the guest.
template <typename T>
SysResult<> write_object(Call& call, GuestAddress to, const T& object) {
  return call.memory.write(to, std::as_bytes(std::span(&object, 1)));
}
template <typename T>
SysResult<T> read_object(Call& call, GuestAddress from) {
  T object{};
  const auto done = call.memory.read(from, std::as_writable_bytes(std::span(&object, 1)));
  if (!done) return done.error();
  return object;
}

/// True for the calls of 32-bit ABIs whose ids have 16 bits.
bool has_short_ids(const Call& call);
/// An id argument, widened if it is short.
Id id_argument(const Call& call, std::size_t index);

/// EACCES unless the thread may search every directory on the way to the object.
std::optional<Errno> refusal_on_way(World& world, const Call& call, const CallObject& object);
std::optional<Errno> refusal_on_way(World& world, const Credentials& who, const CallObject& object);

/// The host's node that is opened in the place of `file`, which stands for a device that harms
/// nobody; null: there is none.
const char* host_node(const OwnedFile& file);

/// The objects that a call only reaches: `wish` (permission.h) must be allowed of each.
Entry reach(World& world, Call& call, unsigned wish);
/// The objects that a call makes.
Entry make_entry(World& world, Call& call);

/// A thread writes to the file: it loses its set-ID bits, unless the thread may keep them.
void drop_set_ids(World& world, const Call& call, const OwnedFile& file);

/// Makes `file`, which the thread has just made, its own.  `set_ids`: bits of its mode that the
/// host was not given.
void claim(World& world, const Call& call, const std::string& host, bool follow,
           const OwnerRecord& directory, mode_t set_ids = 0);

}  // namespace nestp::identity
