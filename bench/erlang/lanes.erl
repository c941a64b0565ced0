%% The benchmarks' work as Erlang does it. A line in, "tell 200000", is a lane and how many operations; a line out is how many
%% microseconds they took. What does not add up ends the node with an error.
-module(lanes).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

-define(BATCH, 10000).
-define(GAME, 10000).
-define(BROOD, 1000).
-define(IN_FLIGHT, 100).

main() ->
  Counter = spawn_link(fun() -> count(0) end),
  Sender = spawn_link(fun sender/0),
  {ok, Echo} = gen_server:start_link(?MODULE, [], []),
  Ping = spawn_link(fun() -> receive {meet, Other} -> play(Other, none) end end),
  Pong = spawn_link(fun() -> receive {meet, Other} -> play(Other, none) end end),
  Ping ! {meet, Pong},
  Pong ! {meet, Ping},
  serve(#{counter => Counter, sender => Sender, echo => Echo, ping => Ping}).

serve(Actors) ->
  case io:get_line("") of
    eof -> halt(0);
    Line ->
      [Lane, Number] = string:lexemes(string:trim(Line), " "),
      io:format("~b~n", [lane(Lane, list_to_integer(Number), Actors)]),
      serve(Actors)
  end.

lane("tell", Operations, #{counter := Counter, sender := Sender}) ->
  Before = ask(Counter, count),
  timed(fun() -> batches(Sender, Counter, Before, Operations, ?BATCH) end);
lane("ping-pong", Operations, #{ping := Ping}) ->
  timed(fun() -> [0 = ask(Ping, {play, ?GAME}) || _ <- lists:seq(1, Operations div ?GAME)] end);
lane("ask", Operations, #{echo := Echo}) ->
  timed(fun() -> calls(Echo, Operations) end);
lane("request", Operations, Actors) ->
  lane("ask", Operations, Actors);
lane("ask-100", Operations, #{echo := Echo}) ->
  timed(fun() ->
    Askers = [spawn_monitor(fun() -> calls(Echo, Operations div ?IN_FLIGHT) end) || _ <- lists:seq(1, ?IN_FLIGHT)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok; {'DOWN', Ref, process, Pid, Reason} -> error(Reason) end || {Pid, Ref} <- Askers]
  end);
lane("spawn", Operations, _Actors) ->
  broods(Operations div ?BROOD, 0).

timed(Work) ->
  erlang:garbage_collect(),
  Start = erlang:monotonic_time(microsecond),
  Work(),
  erlang:monotonic_time(microsecond) - Start.

ask(To, Question) ->
  Ref = make_ref(),
  To ! {self(), Ref, Question},
  receive {Ref, Answer} -> Answer end.

batches(_Sender, _Counter, _Before, Operations, Sent) when Sent > Operations -> ok;
batches(Sender, Counter, Before, Operations, Sent) ->
  sent = ask(Sender, {batch, Counter, ?BATCH}),
  Sent = ask(Counter, count) - Before,
  batches(Sender, Counter, Before, Operations, Sent + ?BATCH).

count(Total) ->
  receive
    {add, By} -> count(Total + By);
    {From, Ref, count} -> From ! {Ref, Total}, count(Total)
  end.

sender() ->
  receive {From, Ref, {batch, To, Count}} -> send(To, Count), From ! {Ref, sent}, sender() end.

send(_To, 0) -> ok;
send(To, Count) -> To ! {add, 1}, send(To, Count - 1).

play(Other, Asker) ->
  receive
    {From, Ref, {play, Hits}} -> Other ! {ball, Hits - 1}, play(Other, {From, Ref});
    {ball, 0} -> {From, Ref} = Asker, From ! {Ref, 0}, play(Other, none);
    {ball, Left} -> Other ! {ball, Left - 1}, play(Other, Asker)
  end.

calls(_Echo, 0) -> ok;
calls(Echo, N) -> N = gen_server:call(Echo, N), calls(Echo, N - 1).

init([]) -> {ok, none}.
handle_call(N, _From, State) -> {reply, N, State}.
handle_cast(_Message, State) -> {noreply, State}.

%% Children are ended untimed.
broods(0, Time) -> Time;
broods(Left, Time) ->
  Self = self(),
  Start = erlang:monotonic_time(microsecond),
  Chicks = [begin Chick = spawn(fun chick/0), Chick ! {hello, Self}, Chick end || _ <- lists:seq(1, ?BROOD)],
  [receive hatched -> ok end || _ <- Chicks],
  Took = erlang:monotonic_time(microsecond) - Start,
  [exit(Chick, kill) || Chick <- Chicks],
  broods(Left - 1, Time + Took).

chick() ->
  receive {hello, Parent} -> Parent ! hatched, chick() end.
