#include "cli/environment/commands.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/environment/desktop.h"
#include "cli/environment/recipe.h"
#include "cli/environment/sources.h"
#include "cli/environment/store.h"
#include "cli/environment/trees.h"
#include "cli/environment/words.h"
#include "cli/image/oci_writer.h"
#include "cli/json_text.h"
#include "cli/output.h"
#include "cli/programs.h"
#include "cli/remove_all.h"
#include "cli/run.h"
#include "fs/session_directory.h"

namespace nestp::environment {
namespace {

using Words = std::span<const std::string>;

int failed(const Error& error) { return fail(error.message, 1); }

Owners owners_here() { return ::geteuid() == 0 ? Owners::archive : Owners::own; }

/// An environment that is not whole yet; gone with this object unless it was finished.
class Unfinished {
 public:
  explicit Unfinished(std::string name)
      : name_(std::move(name)), path_(store_directory() + "/.new-" + name_) {}
  ~Unfinished() {
    if (is_made_) remove_tree(AT_FDCWD, path_);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  Result<> make() {
    if (!is_name(name_)) {
      return Error{"'" + name_ + "' is no name: letters, digits, '.', '_' and '-' are"};
    }
    if (::access(directory_of(name_).c_str(), F_OK) == 0) {
      return Error{"there is an environment '" + name_ + "' already; choose another name"};
    }
    if (std::getenv("HOME") == nullptr && std::getenv("XDG_DATA_HOME") == nullptr) {
      return Error{"neither HOME nor XDG_DATA_HOME is set; set HOME to a directory of yours"};
    }
    if (auto done = make_directories(store_directory()); !done) return done;
    remove_tree(AT_FDCWD, path_);  // of one that was killed
    if (::mkdir(path_.c_str(), 0755) != 0 || ::mkdir(root().c_str(), 0755) != 0) {
      return Error{path_ + ": " + std::strerror(errno)};
    }
    is_made_ = true;
    return Done{};
  }

  std::string path() const { return path_; }
  std::string root() const { return path_ + "/root"; }

  Result<> finish(const Settings& settings) {
    if (auto done = write_settings(path_, name_, settings); !done) return done;
    return finish();
  }
  Result<> finish() {
    if (::rename(path_.c_str(), directory_of(name_).c_str()) != 0) {
      return Error{directory_of(name_) + ": " + std::strerror(errno)};
    }
    is_made_ = false;
    return Done{};
  }

 private:
  std::string name_, path_;
  bool is_made_ = false;
};

int export_image(const std::string& name, const std::string& directory) {
  const auto settings = read_settings(name);
  if (!settings) return failed(settings.error());
  const ImageConfig config{.environment = settings->variables,
                           .entrypoint = settings->entrypoint,
                           .command = settings->command,
                           .directory = settings->directory,
                           .user = settings->user,
                           .architecture = image_machine("")};
  const auto notes = owner_notes(root_of(name));
  const auto done = write_image(directory, "latest", config, [&](ArchiveWriter& archive) {
    return pack_tree(root_of(name), "", archive, notes.get());
  });
  return done ? 0 : failed(done.error());
}

}  // namespace

int run_install(Words words) {
  const auto read = read_words(words,
                               {{"--name", true},
                                {"--arch", true},
                                {"--sha256", true},
                                {"--insecure"},
                                {"--bind", true},
                                {"--env", true},
                                {"--backend", true},
                                {"--directory", true},
                                {"--no-root"}},
                               {.least = 1, .most = 2, .usage = usage_of("install")});
  if (!read) return failed(read.error());
  InstallRequest request{.source = read->names[0],
                         .arch = read->value("--arch"),
                         .sha256 = read->value("--sha256"),
                         .insecure = read->has("--insecure")};
  std::string name = read->names.size() > 1 ? read->names[1] : read->value("--name");
  if (name.empty()) name = name_for(request.source);
  Settings recipe;
  if (is_recipe(request.source)) {
    auto text = read_recipe(request.source);
    if (!text) return failed(text.error());
    recipe = *std::move(text);
    request.source = recipe.source;
  }
  Unfinished unfinished(name);
  if (const auto done = unfinished.make(); !done) return failed(done.error());
  auto settings = install_source(request, unfinished.root());
  if (!settings) return fail(settings.error().message + "; nothing was installed", 1);
  *settings = with_recipe(*settings, recipe);
  for (const std::string& bind : read->all("--bind"))
    settings->binds.push_back(bind);
  for (const std::string& variable : read->all("--env"))
    settings->variables.push_back(variable);
  if (read->has("--backend")) settings->backend = read->value("--backend");
  if (read->has("--directory")) settings->directory = read->value("--directory");
  if (read->has("--no-root")) settings->root = false;
  if (const auto done = unfinished.finish(*settings); !done) return failed(done.error());
  if (const auto done = run_setup(name, *settings); !done) {
    (void)run_remove(std::span(&name, 1));  // it has said what is left
    return fail(done.error().message + "; nothing was installed", 1);
  }
  print_error("installed '" + name + "'; to enter it: nestp enter " + name + "\n");
  return 0;
}

int run_list(Words words) {
  const auto read = read_words(words, {{"--json"}}, {.usage = usage_of("list")});
  if (!read) return failed(read.error());
  std::string text;
  std::string json;
  for (const std::string& name : names()) {
    const auto settings = read_settings(name);
    const std::string source = settings ? settings->source : std::string();
    text.append(name).append("\t").append(source).append("\n");
    json += json.empty() ? "\n" : ",\n";
    json += "  {\"name\": " + json_string(name) + ", \"source\": " + json_string(source) +
            ", \"root\": " + json_string(root_of(name)) + "}";
  }
  print(read->has("--json") ? "{\"environments\": [" + json + "\n]}\n" : text);
  return 0;
}

int run_remove(Words words) {
  const auto read = read_words(words, {}, {.least = 1, .most = 1, .usage = usage_of("remove")});
  if (!read) return failed(read.error());
  const std::string& name = read->names[0];
  const auto held = lock(name, Use::alone);
  if (!held) return failed(held.error());
  // Out of sight at once, whatever becomes of the rest.
  const std::string doomed = store_directory() + "/.old-" + std::to_string(::getpid());
  if (::rename(directory_of(name).c_str(), doomed.c_str()) != 0) {
    return fail(directory_of(name) + ": " + std::strerror(errno), 1);
  }
  (void)remove_desktop_entries(name);
  if (!remove_all(doomed)) {
    return fail("some files in " + doomed + " belong to others and are left", 1);
  }
  return 0;
}

int run_clone(Words words) {
  const auto read = read_words(words, {}, {.least = 2, .most = 2, .usage = usage_of("clone")});
  if (!read) return failed(read.error());
  const auto held = lock(read->names[0], Use::shared);
  if (!held) return failed(held.error());
  const auto settings = read_settings(read->names[0]);
  if (!settings) return failed(settings.error());
  Unfinished unfinished(read->names[1]);
  if (const auto done = unfinished.make(); !done) return failed(done.error());
  const std::string from = root_of(read->names[0]);
  const auto old_notes = owner_notes(from);
  const auto new_notes = owner_notes(unfinished.root());
  const auto copied = copy_tree(from, unfinished.root(), owners_here(),
                                {.from = old_notes.get(), .to = new_notes.get()});
  if (!copied) return failed(copied.error());
  const auto done = unfinished.finish(*settings);
  return done ? 0 : failed(done.error());
}

int run_reset(Words words) {
  const auto read = read_words(words, {{"--arch", true}, {"--sha256", true}, {"--insecure"}},
                               {.least = 1, .most = 1, .usage = usage_of("reset")});
  if (!read) return failed(read.error());
  const std::string& name = read->names[0];
  auto held = lock(name, Use::alone);
  if (!held) return failed(held.error());
  const auto settings = read_settings(name);
  if (!settings) return failed(settings.error());
  if (settings->source.empty()) return fail("it is not known where '" + name + "' came from", 1);
  Unfinished unfinished(name + ".reset");
  if (const auto done = unfinished.make(); !done) return failed(done.error());
  const auto fresh = install_source({.source = settings->source,
                                     .arch = read->value("--arch"),
                                     .sha256 = read->value("--sha256"),
                                     .insecure = read->has("--insecure")},
                                    unfinished.root());
  if (!fresh) return fail(fresh.error().message + "; '" + name + "' is as it was", 1);
  // What -0 remembered of the old files goes with them; the settings stay.
  const std::string old = unfinished.path() + "/old";
  if (::rename(root_of(name).c_str(), old.c_str()) != 0 ||
      ::rename(unfinished.root().c_str(), root_of(name).c_str()) != 0) {
    return fail(root_of(name) + ": " + std::strerror(errno), 1);
  }
  // The new ones have theirs, if the file system has no attributes.
  const std::string owners = owner_database(root_of(name));
  if (::rename(owner_database(unfinished.root()).c_str(), owners.c_str()) != 0) {
    (void)::unlink(owners.c_str());
  }
  if (!remove_all(old)) return fail("some files in " + old + " belong to others and are left", 1);
  held->reset();
  const auto done = run_setup(name, *settings);
  return done ? 0 : failed(done.error());
}

int run_rename(Words words) {
  const auto read = read_words(words, {}, {.least = 2, .most = 2, .usage = usage_of("rename")});
  if (!read) return failed(read.error());
  const auto held = lock(read->names[0], Use::alone);
  if (!held) return failed(held.error());
  Unfinished unfinished(read->names[1]);  // sees to it that the name is free
  if (const auto done = unfinished.make(); !done) return failed(done.error());
  if (::rename(directory_of(read->names[0]).c_str(), directory_of(read->names[1]).c_str()) != 0) {
    return fail(directory_of(read->names[1]) + ": " + std::strerror(errno), 1);
  }
  return 0;
}

int run_backup(Words words) {
  const auto read = read_words(words, {}, {.least = 2, .most = 2, .usage = usage_of("backup")});
  if (!read) return failed(read.error());
  const auto held = lock(read->names[0], Use::alone);
  if (!held) return failed(held.error());
  auto archive = ArchiveWriter::create(read->names[1]);
  if (!archive) return failed(archive.error());
  const auto notes = owner_notes(root_of(read->names[0]));
  auto done = pack_tree(directory_of(read->names[0]), "", *archive, notes.get());
  if (done) done = archive->finish();
  if (done) return 0;
  (void)::unlink(read->names[1].c_str());
  return failed(done.error().in(read->names[1]));
}

int run_export(Words words) {
  const auto read =
      read_words(words, {{"--oci"}}, {.least = 2, .most = 2, .usage = usage_of("export")});
  if (!read) return failed(read.error());
  const auto held = lock(read->names[0], Use::shared);
  if (!held) return failed(held.error());
  if (read->has("--oci")) return export_image(read->names[0], read->names[1]);
  auto archive = ArchiveWriter::create(read->names[1]);
  if (!archive) return failed(archive.error());
  const auto notes = owner_notes(root_of(read->names[0]));
  auto done = pack_tree(root_of(read->names[0]), "", *archive, notes.get());
  if (done) done = archive->finish();
  if (done) return 0;
  (void)::unlink(read->names[1].c_str());
  return failed(done.error().in(read->names[1]));
}

int run_restore(Words words) {
  const auto read = read_words(words, {}, {.least = 1, .most = 2, .usage = usage_of("restore")});
  if (!read) return failed(read.error());
  const std::string name = read->names.size() > 1 ? read->names[1] : name_for(read->names[0]);
  Unfinished unfinished(name);
  if (const auto done = unfinished.make(); !done) return failed(done.error());
  auto reader = ArchiveReader::open_file(read->names[0]);
  if (!reader) return failed(reader.error());
  const auto notes = owner_notes(unfinished.root());
  if (const auto done = unpack(*reader, unfinished.path(), owners_here(), notes.get()); !done) {
    return failed(done.error());
  }
  if (::access((unfinished.path() + "/settings").c_str(), F_OK) != 0) {
    return fail(read->names[0] + " is no backup; nestp install takes archives of trees", 1);
  }
  if (const auto done = unfinished.finish(); !done) return failed(done.error());
  print_error("restored '" + name + "'; to enter it: nestp enter " + name + "\n");
  return 0;
}

int run_ps(Words words) {
  const auto read = read_words(words, {{"--json"}}, {.usage = usage_of("ps")});
  if (!read) return failed(read.error());
  std::string text;
  std::string json;
  for (const Session& session : sessions()) {
    const std::string process = std::to_string(session.process);
    text += process + "\t" + session.name + "\t" + session.command + "\n";
    json += json.empty() ? "\n" : ",\n";
    json += "  {\"process\": " + process + ", \"name\": " + json_string(session.name) +
            ", \"command\": " + json_string(session.command) + "}";
  }
  print(read->has("--json") ? "{\"sessions\": [" + json + "\n]}\n" : text);
  return 0;
}

int run_kill(Words words) {
  const auto read =
      read_words(words, {{"--force"}}, {.least = 1, .most = 1, .usage = usage_of("kill")});
  if (!read) return failed(read.error());
  bool found = false;
  for (const Session& session : sessions()) {
    if (session.name != read->names[0] && std::to_string(session.process) != read->names[0]) {
      continue;
    }
    // It hands the signal on; killed itself, it takes its guests along.
    found = ::kill(session.process, read->has("--force") ? SIGKILL : SIGTERM) == 0 || found;
  }
  return found ? 0 : fail("there is no session '" + read->names[0] + "'; see: nestp ps", 1);
}

}  // namespace nestp::environment
