// Several handlers for one event: one after the other, by what happened, or by where.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <inotify/event_handler.hpp>

namespace inotify::inline v0 {

/// Anything that takes an event: a function, a lambda, std::ref of an EventHandler or of another
/// chain. One that returns nothing never stops a chain.
class EventFunction {
 public:
  template <std::invocable<const Event&> Function>
  EventFunction(Function function) {  // NOLINT: a lambda shall convert
    using Returned = std::invoke_result_t<Function&, const Event&>;
    static_assert(std::is_void_v<Returned> || std::is_same_v<Returned, Chain>,
                  "a handler returns Chain or nothing");
    if constexpr (std::is_void_v<Returned>) {
      call_ = [f = std::move(function)](const Event& event) mutable {
        f(event);
        return Chain::go_on;
      };
    } else {
      call_ = std::move(function);
    }
  }

  Chain operator()(const Event& event) const { return call_(event); }

 private:
  std::function<Chain(const Event&)> call_;
};

/// Handlers one after the other, of which each may keep the event from the rest:
///
///     HandlerChain chain;
///     chain.then(chain_if([](const Event& e) { return !e.name.ends_with(".swp"); }))
///         .then(std::ref(my_handler))
///         .then([](const Event& e) { std::cout << e << '\n'; });
///     for (const Event& event : watcher.read()) chain(event);
///
/// It must not be changed while it runs. What a handler throws passes through, and the rest is not
/// called. One thread at a time. Source: pyinotify, the chaining of ProcessEvent instances (there
/// the last one is asked first; here the order is the order of writing).
class HandlerChain {
 public:
  /// Adds a handler at the end.
  HandlerChain& then(EventFunction handler) {
    handlers_.push_back(std::move(handler));
    return *this;
  }

  /// Calls the handlers up to the first that says stop, and returns whether one did: so a chain in
  /// a chain ends the outer one, too.
  Chain operator()(const Event& event) const {
    for (const EventFunction& handler : handlers_) {
      if (handler(event) == Chain::stop) return Chain::stop;
    }
    return Chain::go_on;
  }

 private:
  std::vector<EventFunction> handlers_;
};

/// A handler that lets those after it have the event if `predicate(event)` holds. Source:
/// pyinotify, ChainIfTrue.
template <std::predicate<const Event&> Predicate>
auto chain_if(Predicate predicate) {
  return [predicate = std::move(predicate)](const Event& event) mutable {
    return predicate(event) ? Chain::go_on : Chain::stop;
  };
}

/// Handlers by what happened, in place of a class that derives from EventHandler; they need not return
/// anything:
///
///     inotify::Handlers handlers;
///     handlers.on(IN_CREATE, [](const inotify::Event& e) { std::cout << "new: " << e << '\n'; })
///         .on(IN_CLOSE, [](const inotify::Event& e) { ... })
///         .otherwise([](const inotify::Event& e) { std::cerr << e << '\n'; });
///     inotify::Notifier notifier(watcher, handlers);
///
/// An event of several bits is taken apart as EventHandler does it. Each bit goes to all the handlers
/// that ask for it, in the order of writing; what none asks for, an event with `error` included, goes to
/// the one of otherwise(), if there is one. It must not be changed while it runs. One thread at a time.
/// Source: pyinotify, ProcessEvent.
class Handlers final : public EventHandler {
 public:
  /// Adds a handler of these bits; IN_ISDIR alone is none.
  Handlers& on(Mask bits, EventFunction handler) {
    handlers_.emplace_back(bits & ~Mask{IN_ISDIR}, std::move(handler));
    return *this;
  }
  Handlers& otherwise(EventFunction handler) {
    otherwise_ = std::make_unique<EventFunction>(std::move(handler));
    return *this;
  }

 private:
  // Where each bit comes to, for no other handler is overridden.
  Chain on_default(const Event& event) override {
    Chain result = Chain::go_on;
    bool is_taken = false;
    for (const auto& [bits, handler] : handlers_) {
      if (event.error || (event.mask & bits) == 0) continue;
      is_taken = true;
      if (handler(event) == Chain::stop) result = Chain::stop;
    }
    if (!is_taken && otherwise_ != nullptr) return (*otherwise_)(event);
    return result;
  }

  std::vector<std::pair<Mask, EventFunction>> handlers_;
  std::unique_ptr<EventFunction> otherwise_;
};

/// One handler of many, chosen by the event: the one of its watch, else the one of the longest root
/// at or above its `fullpath`, else the default, else none.
///
///     HandlerMap map;
///     map.at_root("/etc", on_config).at_root("/etc/ssl", on_keys).otherwise(on_rest);
///     map.at_watch(watcher.add("/run/my.pid", IN_DELETE_SELF), on_gone);
///
/// The halves of a rename between two roots go to one handler each. An overflow of a plain Watcher
/// has no path, so it goes to the default; an AutoWatcher's has its root's. The handler of a watch
/// is forgotten after the watch's IN_IGNORED. Handlers may be added, replaced and taken away while
/// one of them runs. One thread at a time. Source: pyinotify, the proc_fun of
/// WatchManager::add_watch.
class INOTIFY_API HandlerMap {
 public:
  /// `root` and all below; "a//b/./c" is the same as "a/b/c", as in Watcher. Relative paths and
  /// absolute ones have nothing in common: give the root as it was given to the watcher.
  HandlerMap& at_root(std::string_view root, EventFunction handler);
  /// The watch `wd`, as Watcher::add returned it: of a directory its entries, but not what is
  /// below them.
  HandlerMap& at_watch(int wd, EventFunction handler);
  HandlerMap& otherwise(EventFunction handler);

  /// Whether there was one.
  bool remove_root(std::string_view root);
  bool remove_watch(int wd);

  /// Calls the handler of the event; go_on if there is none.
  Chain operator()(const Event& event);

 private:
  // Shared: one that is replaced while it runs lives until it returns.
  using Handler = std::shared_ptr<const EventFunction>;
  [[nodiscard]] Handler find(const Event& event) const;

  std::map<std::string, Handler, std::less<>> roots_;  // "" is the working directory
  std::unordered_map<int, Handler> watches_;
  Handler otherwise_;
};

}  // namespace inotify::inline v0
