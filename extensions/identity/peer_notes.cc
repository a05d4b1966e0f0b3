#include "extensions/identity/peer_notes.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "fs/directory_stream.h"
#include "fs/fd.h"

namespace nestp::identity {
namespace {

constexpr std::size_t kMostProcesses = 4096;

/// Inodes of the sockets that the process has open.
std::vector<ino_t> open_sockets(pid_t process) {
  std::vector<ino_t> sockets;
  const std::string folder = "/proc/" + std::to_string(process) + "/fd";
  const DirectoryStream directory(opendir(folder.c_str()));
  if (directory == nullptr) return sockets;
  constexpr std::string_view kStart = "socket:[";
  while (const dirent* entry = readdir(directory.get())) {
    const auto text = read_link(folder + "/" + entry->d_name);
    if (!text || !text->starts_with(kStart)) continue;
    sockets.push_back(std::strtoul(text->c_str() + kStart.size(), nullptr, 10));
  }
  return sockets;
}

using Listeners = std::unordered_map<std::string, Sender>;

/// Who all listeners are; null: there are none, or they differ.
const Sender* only_one(const Listeners& listeners) {
  if (listeners.empty()) return nullptr;
  const Sender& first = listeners.begin()->second;
  const bool is_one = std::all_of(listeners.begin(), listeners.end(),
                                  [&first](const auto& each) { return each.second == first; });
  return is_one ? &first : nullptr;
}

}  // namespace

void PeerNotes::note(pid_t process, const Sender& before) {
  const std::vector<ino_t> sockets = open_sockets(process);
  if (sockets.empty()) return;
  if (processes_.size() >= kMostProcesses) processes_.clear();
  Process& notes = processes_[process];
  std::vector<std::pair<ino_t, std::string>> connected;
  for (const ino_t inode : sockets) {
    const auto socket = sockets_.find(inode);
    if (!socket) continue;
    if (socket->listens) {
      notes.listening.try_emplace(socket->name, before);
    } else if (socket->is_connected) {
      connected.emplace_back(inode, socket->name);
    }
  }
  for (const auto& [inode, name] : connected) {
    // What it accepted shows who it was when it began to listen.
    const auto listener = name.empty() ? notes.listening.end() : notes.listening.find(name);
    notes.connected.try_emplace(inode,
                                listener == notes.listening.end() ? before : listener->second);
  }
}

const Sender* PeerNotes::find(pid_t process, ino_t inode) {
  const auto found = processes_.find(process);
  const auto socket = sockets_.find(inode);
  if (found == processes_.end() || !socket) return nullptr;
  const Process& notes = found->second;
  if (socket->peer == 0) {
    // A listener has not accepted it yet.  If it has a name it was accepted itself, from somebody
    // who is gone.
    return socket->name.empty() ? only_one(notes.listening) : nullptr;
  }
  const auto connected = notes.connected.find(socket->peer);
  if (connected != notes.connected.end()) return &connected->second;
  const auto peer = sockets_.find(socket->peer);
  if (!peer || peer->name.empty()) return nullptr;
  const auto listener = notes.listening.find(peer->name);
  return listener == notes.listening.end() ? nullptr : &listener->second;
}

}  // namespace nestp::identity
