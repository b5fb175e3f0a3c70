defmodule Hello.Server do
  @moduledoc "Listens for requests; each is answered by a task of its own."
  use Task, restart: :permanent

  def start_link(port), do: Task.start_link(__MODULE__, :listen, [port])

  def listen(port) do
    {:ok, socket} =
      :gen_tcp.listen(port, [:binary, packet: :http_bin, active: false, reuseaddr: true])

    IO.puts("listening on #{port}")
    accept(socket)
  end

  defp accept(socket) do
    {:ok, client} = :gen_tcp.accept(socket)
    {:ok, task} = Task.Supervisor.start_child(Hello.Requests, fn -> answer(client) end)
    :gen_tcp.controlling_process(client, task)
    accept(socket)
  end

  defp answer(client) do
    case :gen_tcp.recv(client, 0, 5_000) do
      {:ok, :http_eoh} -> respond(client)
      {:ok, _line_or_header} -> answer(client)
      {:error, _reason} -> :gen_tcp.close(client)
    end
  end

  defp respond(client) do
    body = "<h1>#{greeting()} from Elixir</h1>\n"

    :gen_tcp.send(client, [
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n",
      "Content-Length: #{byte_size(body)}\r\n\r\n",
      body
    ])

    :gen_tcp.close(client)
  end

  defp greeting, do: "Hello"
end
